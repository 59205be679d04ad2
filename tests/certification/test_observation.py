"""The observation of a launch: one message of the child process after another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from certify.certification.events import Events
from certify.certification.observation import Observation
from certify.certification.options import Options
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import LaunchPlan
from certify.judge.profiles import load
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
from certify.model.finding import Claim, Finding
from certify.model.reference import Reference
from certify.model.result import Image
from certify.model.terms import Fault, Outcome
from certify.suite.catalogue import claims

REFERENCE = Reference.parse("debian:12")


class Log(Events):
    """Records events."""

    def __init__(self) -> None:
        self.found: list[tuple[str, ...]] = []

    def phase(self, name: str) -> None:
        self.found.append(("phase", name))

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        self.found.append(("finding", finding.id, claim.id if claim else "no claim"))


def observe(*messages: dict[str, Any]) -> tuple[Observation, list[tuple[str, ...]]]:
    observed, log = Observation(Image(reference="debian:12")), Log()
    for message in messages:
        observed.receive(message, log, 60)
    return observed, log.found


def test_findings_and_checks_that_begin_are_reported_as_events() -> None:
    finding = Finding(id="image.os", outcome=Outcome.PASSED, seconds=1)
    unknown = finding.model_copy(update={"id": "mine.tool"})
    claim = claims()["image.os"].model_dump(mode="json")
    observed, events = observe(
        {"event": "claims", "claims": [claim]},
        {"event": "running", "check": "image.os"},
        {"event": "finding", "finding": finding.model_dump(mode="json")},
        {"event": "finding", "finding": unknown.model_dump(mode="json")},
    )
    assert observed.findings == {"image.os": finding, "mine.tool": unknown}
    assert events == [
        ("phase", "image.os"),
        ("finding", "image.os", "image.os"),
        ("finding", "mine.tool", "no claim"),
    ]


def test_claims_of_own_checks_join_those_of_the_suite() -> None:
    own = claims()["image.os"].model_copy(update={"id": "mine.tool"})
    observed, _ = observe({"event": "claims", "claims": [own.model_dump(mode="json")]})
    assert observed.claims_of(load("plain")) == claims() | {"mine.tool": own}


def test_the_claims_that_the_child_reports_are_enough() -> None:
    profile = load("plain")
    ran = [claims()[check] for check in profile.checks]
    observed, _ = observe({"event": "claims", "claims": [each.model_dump() for each in ran]})
    assert observed.claims_of(profile) == {each.id: each for each in ran}


def test_facts_about_the_image_become_part_of_it() -> None:
    observed, _ = observe(
        {"event": "fact", "name": "os", "value": {"id": "debian"}},
        {"event": "fact", "name": "package_manager", "value": "apt"},
        {"event": "fact", "name": "missing", "value": ["sudo"]},
    )
    assert observed.image.os is not None
    assert (observed.image.os.id, observed.image.package_manager) == ("debian", "apt")
    assert observed.facts == {"missing": ["sudo"]}


def test_trouble_and_timeouts_are_recorded() -> None:
    observed, _ = observe({"event": "trouble", "message": "no engine", "remedy": "start it"})
    assert isinstance(observed.trouble, EngineUnavailable)
    observed, _ = observe({"event": "deadline"})
    assert observed.timed_out
    assert observed.trouble is not None
    assert (observed.trouble.fault, "within 60 s" in observed.trouble.message) == (Fault.TOOL, True)


def test_a_broken_file_of_checks_is_raised() -> None:
    with pytest.raises(SuiteBroken, match="no such module"):
        observe({"event": "broken", "message": "no such module", "evidence": ""})


@pytest.mark.parametrize(
    ("trouble", "command"),
    [(ImageUnavailable("gone"), "docker pull debian:12"), (Trouble("no engine"), "docker version")],
)
def test_without_a_launch_the_command_shows_the_trouble(trouble: Trouble, command: str) -> None:
    observed = Observation(Image(reference="debian:12"), trouble=trouble)
    launch = observed.describe_launch(
        load("devspace"), REFERENCE, Options(isolation=Isolation("caps"))
    )
    assert (launch.kind, launch.isolation, launch.reproduce) == ("init", "caps", command)


def test_an_image_that_was_not_found_has_the_pull_as_its_command() -> None:
    observed = Observation(Image(reference="debian:12"), plan=LaunchPlan("idle", "default"))
    launch = observed.describe_launch(load("plain"), REFERENCE, Options())
    assert launch.reproduce == "docker pull debian:12"
    observed.image = Image(reference="debian:12", layers=1)
    launch = observed.describe_launch(load("plain"), REFERENCE, Options())
    assert launch.reproduce.startswith("docker run ")


def test_a_check_began_so_long_after_the_request_of_the_container() -> None:
    finding = Finding(id="image.os", outcome=Outcome.PASSED, began=100.5, lane="packages")
    observed = Observation(Image(reference="debian:12"), requested=98.25)
    observed.receive({"event": "finding", "finding": finding.model_dump(mode="json")}, Log(), 60)
    assert observed.findings["image.os"].began == 2.25
    observed.started_at += timedelta(days=3)  # the clock was set back
    observed.request()
    assert observed.requested > 98.25
    assert 0 <= observed.facts["lookup_seconds"] < 60


def test_what_is_doubtful_is_forgotten() -> None:
    finding = Finding(id="image.os", outcome=Outcome.PASSED).model_dump(mode="json")
    observed, _ = observe(
        {"event": "finding", "finding": finding},
        {"event": "fact", "name": "missing", "value": ["sudo"]},
        {"event": "doubt", "why": "the container ended"},
    )
    assert (observed.doubt, observed.lanes) == ("the container ended", True)
    observed.begin_again(Log())
    assert (observed.doubt, observed.lanes) == ("", False)
    assert not observed.findings and not observed.facts
