"""The probe on an emulated tenant: what it finds out, and that nothing of it stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from graph.direct import Direct, Heard
from graph.signin import sign_in
from local.entra import Tenant, create_app
from local.entra.faults import LOST
from local.entra.scenario import Quotas, Scenario
from sync.config import Config
from sync.doctor import probe as probing
from sync.doctor.examination import experiment
from sync.doctor.lab import Lab, Made
from sync.doctor.probe import MOST_WRITES, Probed, intentions
from tests.contract import FILE, Watch
from tests.sync.test_doctor import LEAST, fault, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

COST = "How many writes does a bind of 20 references cost?"
CHARGED = "Do education writes use up the same quota?"
PLAIN = {"schools": {"enabled": False}, "classes": {"enabled": False}}


def served(**more: Any) -> Tenant:
    tenant = Tenant(domains=["contoso.edu"], roles=LEAST, **more)
    # The app's service principal, which may own groups.
    tenant.directory.add("user", {"accountEnabled": True}, object_id=tenant.identity.object_id)
    return tenant


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    tenant = served()
    with serving(create_app(tenant), monkeypatch):
        yield tenant


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses up no quota, except where a test is about what that tells."""
    monkeypatch.setattr(probing, "MOST_WRITES", 80)


@pytest.fixture
def dear(cheap: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_WRITES", MOST_WRITES)


def try_out(said: list[str] | None = None, **config: Any) -> Probed:
    settings = Config.model_validate(config)
    say = [].append if said is None else said.append
    return asyncio.run(experiment(settings, sign_in, say, patience=0.01))


def answers(probed: Probed) -> dict[str, str]:
    assert probed.failed == ""
    return {answer.question: answer.answer for answer in probed.answers}


def is_clean(tenant: Tenant) -> bool:
    """Whether only the service principal is there, and nothing in the recycle bin."""
    return len(tenant.directory.live) == 1 and not tenant.directory.deleted


@pytest.mark.usefixtures("dear")
def test_every_question_is_answered_and_nothing_stays(tenant: Tenant) -> None:
    watch = Watch(tenant) if FILE.exists() else None
    said: list[str] = []
    probed = try_out(said)
    found = answers(probed)
    assert watch is None or watch.breaches == set()
    assert found["Is a class the group with the same id?"] == "yes"
    assert found["Has a school the id of its administrative unit?"] == "no: it is looked up"
    assert found["Can an app bind owners with PATCH?"] == "yes"
    assert "already exist" in found["What does a reference that stands twice in one bind do?"]
    assert "refused: 400" in found["What does a bind of 21 references do?"]
    assert found["What status has a batch of which an item fails?"] == "200"
    assert " ms" in found["How long does a batch of 20 writes take?"]
    assert found["How many items of a batch run side by side?"].startswith("about ")
    assert float(found[COST].split()[1]) < 3.3
    assert found[CHARGED] == "yes"
    assert all(set(one.as_dict()) == {"question", "answer", "setting"} for one in probed.answers)
    assert said[-1] == "Deleting what the probe made"
    assert is_clean(tenant)


@pytest.mark.usefixtures("dear")
def test_a_dearer_bind_is_measured_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    dear = Scenario(quotas=Quotas(bind_cost="thirds"))
    with serving(create_app(served(scenario=dear)), monkeypatch):
        probed = try_out(**PLAIN)
    assert 5 < float(answers(probed)[COST].split()[1]) < 9
    assert "graph.bind_cost: thirds" in [answer.setting for answer in probed.answers]
    assert CHARGED not in answers(probed)


def test_a_quota_that_is_never_told_leaves_the_careful_value(tenant: Tenant) -> None:
    probed = try_out(**PLAIN)
    assert answers(probed)[COST] == "not told: no warning within 80 writes"
    assert probed.answers[-1].setting == "graph.bind_cost: thirds is the careful value"


@pytest.mark.parametrize("told", ["0.8", "0.9"])
def test_a_quota_that_is_told_in_tenths_is_too_coarse(
    tenant: Tenant, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Direct.ask

    async def rounded(self: Direct, *sent: Any, **more: Any) -> Heard:
        heard = await ask(self, *sent, **more)
        header = {"x-ms-throttle-limit-percentage": told}
        response = replace(heard.response, headers={**heard.response.headers, **header})
        return replace(heard, response=response)

    monkeypatch.setattr(Direct, "ask", rounded)
    assert answers(try_out(**PLAIN))[COST] == "not told: 18 of 18 went through"


@pytest.mark.usefixtures("dear")
def test_education_writes_that_tell_nothing_are_not_charged(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Direct.ask

    async def silent(self: Direct, method: str, url: str, *rest: Any, **more: Any) -> Heard:
        heard = await ask(self, method, url, *rest, **more)
        if not url.startswith("/education"):
            return heard
        headers = {n: v for n, v in heard.response.headers.items() if "throttle" not in n}
        return replace(heard, response=replace(heard.response, headers=headers))

    monkeypatch.setattr(Direct, "ask", silent)
    assert answers(try_out())[CHARGED].startswith("no")


def test_what_was_made_is_deleted_after_a_failure_too(tenant: Tenant) -> None:
    tenant.faults.coming.append(fault("POST", "/education/classes", 500))
    probed = try_out()
    assert "could not make its class: 500" in probed.failed
    assert probed.left == ()
    assert is_clean(tenant)


@pytest.mark.parametrize("path", ["/groups", "/education/schools"])
def test_what_was_made_without_an_answer_is_found_by_its_name_and_deleted(
    tenant: Tenant, path: str
) -> None:
    method = "PATCH" if path == "/groups" else "POST"
    tenant.faults.coming.append(fault(method, path, LOST, when="after"))
    probed = try_out()
    assert "no answer" in probed.failed
    assert probed.left == ()
    assert is_clean(tenant)


def test_what_was_never_made_need_not_be_deleted(tenant: Tenant) -> None:
    tenant.faults.coming += [
        fault("PATCH", "/groups", 500),
        fault("POST", "/education/classes", 500),
    ]
    assert try_out().left == ()
    assert try_out().left == ()
    assert is_clean(tenant)


def test_what_cannot_be_deleted_is_named(tenant: Tenant) -> None:
    tenant.faults.coming += [
        fault("POST", "/education/classes", 500),
        fault("DELETE", "/groups", 500, times=6),
        fault("DELETE", "/groups", LOST),
    ]
    left = try_out().left
    assert len(left) == 2
    assert all(name.startswith("rollcall-probe-") for name in left)


def test_what_can_neither_be_found_nor_excluded_is_named(tenant: Tenant) -> None:
    tenant.faults.coming += [
        fault("PATCH", "/groups", LOST, when="after"),
        fault("GET", "/groups", 503, times=9),
    ]
    assert len(try_out().left) == 1


def test_what_is_fresh_is_waited_for(tenant: Tenant) -> None:
    tenant.faults.coming += [
        fault("GET", "/groups/", 404, times=2),
        fault("GET", "/administrativeUnit", 404, times=6),
    ]
    found = answers(try_out(classes={"enabled": False}))
    assert found["Has a school the id of its administrative unit?"] == (
        "its unit cannot be read (404)"
    )


def test_a_class_that_is_no_group_and_owners_that_are_refused_are_told(tenant: Tenant) -> None:
    owner = tenant.directory.live[tenant.identity.object_id]
    tenant.directory.delete(owner, tenant.now())
    found = answers(try_out(schools={"enabled": False}))
    assert found["Can an app bind owners with PATCH?"].startswith("no: 404")


def test_a_group_that_was_there_is_not_taken(tenant: Tenant) -> None:
    async def work() -> None:
        signed_in = sign_in()
        line = Direct(signed_in)
        lab = Lab(line, "same", 0.01)
        await lab.group(1)
        try:
            with pytest.raises(Exception, match="could not make its group: 204"):
                await lab.group(1)
        finally:
            assert await lab.clear() == []
            await line.close()

    asyncio.run(work())


def test_the_intentions_name_what_is_made() -> None:
    plain = intentions({"groups"})
    assert not any("school" in line or "class " in line for line in plain)
    assert any("administrative unit" in line for line in intentions({"schools"}))
    assert any("class group" in line for line in intentions({"classes"}))
    assert Made("/groups", "x").id == ""
