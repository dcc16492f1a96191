"""What the host goes by: the parts of host.json that it knows.

https://learn.microsoft.com/azure/azure-functions/functions-host-json and
https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from roster.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path


def _endless(value: object) -> object:
    return None if value in (-1, "-1") else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore")


class QueueSettings(_Part):
    """`extensions.queues`, with the defaults of the real host."""

    batch_size: int = Field(default=16, ge=1, le=32)
    new_batch_threshold: int | None = Field(default=None, ge=0)
    max_dequeue_count: int = Field(default=5, ge=1)
    visibility_timeout: timedelta = timedelta()
    max_polling_interval: timedelta = Field(
        default=timedelta(minutes=1), ge=timedelta(milliseconds=100)
    )
    message_encoding: Literal["base64", "none"] = "base64"

    @property
    def refill_at(self) -> int:
        """So many messages may still be running when the next batch is fetched."""
        if self.new_batch_threshold is None:
            return self.batch_size // 2
        return self.new_batch_threshold


class HttpSettings(_Part):
    """`extensions.http`."""

    route_prefix: str = "api"


class Extensions(_Part):
    """`extensions`."""

    queues: QueueSettings = QueueSettings()
    http: HttpSettings = HttpSettings()


class HostSettings(_Part):
    """host.json. `function_timeout`: None lets functions run for ever."""

    version: Literal["2.0"]
    function_timeout: Annotated[timedelta | None, BeforeValidator(_endless)] = timedelta(minutes=30)
    extensions: Extensions = Extensions()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads host.json; raises BadInput if it is missing or wrong."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"{path}: {where}: {first['msg']}") from error
