"""The errors of Azure Resource Manager, in its own words.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

from typing import Any


class ArmError(Exception):
    """A refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self) -> dict[str, Any]:
        """The JSON that goes out."""
        return {"error": {"code": self.code, "message": str(self)}}


def no_version() -> ArmError:
    """400 for a request that names no version of the API."""
    return ArmError(
        400, "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )  # fmt: skip


def unknown_version(kind: str, version: str, known: str) -> ArmError:
    """400 for a version that the provider does not have."""
    namespace, _, name = kind.partition("/")
    return ArmError(
        400, "InvalidResourceType",
        f"The resource type '{name}' could not be found in the namespace '{namespace}' for api "
        f"version '{version}'. The supported api-versions are '{known}'.",
    )  # fmt: skip


def not_found(kind: str, name: str, group: str) -> ArmError:
    """404 for a resource."""
    return ArmError(
        404, "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more "
        "details please go to https://aka.ms/ARMResourceNotFoundFix",
    )  # fmt: skip


def no_group(name: str) -> ArmError:
    """404 for a resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def no_subscription(name: str) -> ArmError:
    """404 for a subscription."""
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{name}' could not be found.")


def forbidden(caller: str, action: str, scope: str) -> ArmError:
    """403 for an action; a scope that does not exist gets the same answer without any role."""
    return ArmError(
        403, "AuthorizationFailed",
        f"The client '{caller}' with object id '{caller}' does not have authorization to perform "
        f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials.",
    )  # fmt: skip


def not_signed_in(code: str, message: str) -> ArmError:
    """401."""
    return ArmError(401, code, message)
