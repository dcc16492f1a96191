"""Each system × each fault: the run ends held, tried again, or failed with a message; no removal.

A tenant is in step with a small district. Then the system is asked again while something is wrong
with it. The district did not change, so whatever a plan wanted to take away would be the fault's
doing. Another system is one line in tests/sync/systems.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from connectors import session
from local.sis.faults import Fault
from sync.ending import cancel_run
from sync.pulls import start_pull
from sync.record import END, Run, get_run
from sync.run import on_control
from sync.storage import RUNS_QUEUE, shared_storage
from tests.conftest import emptied
from tests.sync.entra import entra, use, work_visible
from tests.sync.systems import SOURCE, SYSTEMS, System, configure, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync.storage import Storage

# Each of the other kinds of system goes the same ways through a run as this one.
ALWAYS = "oneroster-1.2"
TAKING = {"remove", "disable", "archive"}


@dataclass(frozen=True)
class InStep:
    """A tenant that is true to what its only source says."""

    storage: Storage
    system: System

    def ask(self, *, full: bool) -> Run:
        """A pull, until it ended or waits for its next try."""
        run = start_pull(self.storage, SOURCE, full=full)
        assert run is not None
        work_visible(self.storage)
        return get_run(self.storage, run)

    def wait_for(self, fault: Fault, *, full: bool) -> Run:
        """A pull that meets an outage: it waits for its next try."""
        self.system.suffer(fault)
        run = self.ask(full=full)
        assert self.system.met(fault)
        assert (run.status, run.position, run.error) == ("extracting", "extract", "")
        assert self.storage.waiting(RUNS_QUEUE) == 1
        return run

    def try_again(self, run: Run) -> Run:
        """What happens when the time of a run's next try has come."""
        self.storage.queues.get_queue_client(RUNS_QUEUE).clear_messages()
        on_control(self.storage, {"run": run.run, "step": run.position, "tries": 2}, 1)
        work_visible(self.storage)
        return get_run(self.storage, run.run)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            kind,
            marks=[
                pytest.mark.xdist_group(f"faults-{kind}"),
                *([] if kind == ALWAYS else [pytest.mark.thorough]),
            ],
        )
        for kind in SYSTEMS
    ],
)
def in_step(request: pytest.FixtureRequest, account: Storage, azurite: str) -> Iterator[InStep]:
    with pytest.MonkeyPatch.context() as patch, running(request.param) as system, entra(patch):
        patch.setattr(session, "FIRST_PAUSE", 0.001)
        storage = use(emptied(account), azurite, patch)
        configure(storage, system.settings())
        tenant = InStep(storage, system)
        first = tenant.ask(full=True)
        assert (first.status, first.failed) == ("finished", 0), first.error
        assert tenant.ask(full=True).changes == {}
        yield tenant
    shared_storage.cache_clear()


@pytest.fixture
def tenant(in_step: InStep) -> Iterator[InStep]:
    """The tenant; afterwards it is in step again."""
    yield in_step
    in_step.system.faults.clear()
    in_step.storage.queues.get_queue_client(RUNS_QUEUE).clear_messages()


# What passes soon is survived by the session itself; the connectors' tests have all of it.
PASSES = Fault("status", status=503, after=2, times=2)
OUTAGES = (
    Fault("status", status=500, after=3, times=None),
    Fault("status", status=503, times=None),
    Fault("throttle", after=3, seconds=900, times=None),
    Fault("html", after=3, times=None),
    Fault("redirect", body="/maintenance", after=3, times=None),
    Fault("drop", after=3, times=None),
    Fault("truncate", after=3, times=None),
    Fault("garbage", after=3, times=None),
)
# Some of these a system answers in its ordinary life too, so what they mean depends on where.
WRONG = (
    Fault("status", status=401, times=None),
    Fault("status", status=401, after=5, times=None),
    Fault("status", status=403, times=None),
    Fault("status", status=403, after=5, times=None),
    Fault("status", status=404, times=None),
    Fault("status", status=404, after=5, times=None),
    Fault("empty", times=None),
    Fault("empty", after=5, times=None),
    Fault("empty", after=5),
    Fault("retype", times=None),
    Fault("retype", after=8),
)


# Of a pull of changes, whose few requests are of the same make, a choice.
CHANGES = {
    Fault("status", status=503, times=None),
    Fault("truncate", after=3, times=None),
    Fault("status", status=403, times=None),
    Fault("status", status=404, after=5, times=None),
    Fault("empty", times=None),
    Fault("retype", times=None),
}


# Of what is wrong in the same way already, later or for longer.
AGAIN = {
    (Fault("retype", after=8), True),
    (Fault("status", status=404, after=5, times=None), False),
}


def cases(faults: tuple[Fault, ...]) -> list[Any]:
    """(fault, whether everything is pulled) for each of these faults."""
    changes = [fault for fault in faults if fault in CHANGES]
    return [
        pytest.param(
            fault,
            full,
            id=f"{named(fault)}-{'full' if full else 'changes'}",
            marks=[pytest.mark.thorough] if (fault, full) in AGAIN else [],
        )
        for full, chosen in ((True, faults), (False, changes))
        for fault in chosen
    ]


def named(fault: Fault) -> str:
    often = {1: "once", 2: "twice", None: "always"}[fault.times]
    number = f"-{fault.status}" if fault.kind == "status" else ""
    return f"{fault.kind}{number}-{often}-after-{fault.after}"


def assert_nothing_is_taken(run: Run) -> None:
    """What a plan takes away is held, and the reason is that the answer could not be read."""
    taken = {kind: only_taking(actions) for kind, actions in run.changes.items()}
    held = {kind: only_taking(actions) for kind, actions in run.held.items()}
    assert {k: n for k, n in taken.items() if n} == {k: n for k, n in held.items() if n}
    assert all("unreadable line" in why for why in run.why_held), run.why_held


def only_taking(actions: Mapping[str, int]) -> dict[str, int]:
    return {action: n for action, n in actions.items() if action in TAKING}


def test_what_passes_is_not_noticed(tenant: InStep) -> None:
    tenant.system.suffer(PASSES)
    run = tenant.ask(full=True)
    assert tenant.system.met(PASSES)
    assert (run.status, run.changes, run.error) == ("finished", {}, "")


@pytest.mark.parametrize(("fault", "full"), cases(OUTAGES))
def test_an_outage_is_waited_for(tenant: InStep, fault: Fault, full: bool) -> None:
    run = tenant.wait_for(fault, full=full)
    cancel_run(tenant.storage, run, "the next fault is waiting")


@pytest.mark.parametrize(("fault", "full"), [(OUTAGES[1], False), (OUTAGES[-2], True)])
def test_after_an_outage_the_run_goes_on_where_it_was(
    tenant: InStep, fault: Fault, full: bool
) -> None:
    run = tenant.wait_for(fault, full=full)
    tenant.system.faults.clear()
    run = tenant.try_again(run)
    assert (run.status, run.changes) == ("finished", {}), run.error


@pytest.mark.parametrize(("fault", "full"), cases(WRONG))
def test_what_is_wrong_is_told_or_waited_for_and_takes_nobody_away(
    tenant: InStep, fault: Fault, full: bool
) -> None:
    tenant.system.suffer(fault)
    run = tenant.ask(full=full)
    # A pull of changes may be over before the fault's turn comes.
    assert tenant.system.met(fault) or not full
    assert_nothing_is_taken(run)
    if run.status == "failed":
        assert len(run.error) > 40
        for secret in ("contoso.edu", "secret!", "-secret"):
            assert secret not in run.error
    elif run.position != END:
        assert tenant.storage.waiting(RUNS_QUEUE) == 1
    tenant.system.faults.clear()
    if run.position != END:
        run = tenant.try_again(run)
        assert_nothing_is_taken(run)
    if run.status != "failed":
        # Whatever was believed of the wrong answers, right ones mend without a removal.
        healed = tenant.ask(full=True)
        assert healed.status == "finished"
        assert_nothing_is_taken(healed)
