"""Certifications that launch nothing; tests/stories has those on a real engine."""

from __future__ import annotations

from typing import Any, cast

import pytest

from certify.certification import certify
from certify.certification.certify import VALID_FOR, Certification
from certify.certification.options import Options
from certify.engine import apparmor
from certify.engine.client import Engine
from certify.engine.errors import APIError
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import LaunchPlan
from certify.judge.profiles import load
from certify.model.errors import EngineUnavailable, Interrupted, LaunchRefused, Trouble
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Status

TROUBLE = EngineUnavailable("no engine answers", remedy="Start Docker.")
REFERENCE = Reference.parse("debian:12")


def test_trouble_in_place_of_an_engine_makes_every_result_inconclusive() -> None:
    profiles = [load("devspace"), load("plain")]
    results = Certification(TROUBLE, REFERENCE, Options()).run(profiles)
    assert [each.profile for each in results] == ["devspace", "plain"]
    for each in results:
        assert each.verdict.status is Status.INCONCLUSIVE
        assert each.verdict.reasons[0].text == "no engine answers"
        assert each.checks, "every check of the profile is in the report"
        assert each.expires_at == each.finished_at + VALID_FOR


def test_the_results_have_the_given_name_though_a_digest_was_pinned() -> None:
    pinned = Reference.parse(f"debian@sha256:{'a' * 64}")
    (result,) = Certification(TROUBLE, pinned, Options(), name=REFERENCE).run([load("plain")])
    assert (result.image.reference, result.image.tag) == (REFERENCE.familiar, "12")


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Result:
    """Certify with an engine that raises an error when the image is launched."""

    def examine(*_arguments: object) -> None:
        raise error

    engine = Engine(cast(Any, None), {"Architecture": "x86_64"})
    monkeypatch.setattr(Certification, "_examine", examine)
    monkeypatch.setattr(certify, "measure_host", lambda engine: engine.host())
    (result,) = Certification(engine, REFERENCE, Options()).run([load("plain")])
    return result


def test_an_unexpected_error_of_the_engine_makes_the_result_inconclusive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = run(monkeypatch, APIError("conflict"))
    assert result.verdict.status is Status.INCONCLUSIVE
    assert result.verdict.reasons[0].text == "The engine failed a request: conflict"
    assert result.host is not None


def test_an_interruption_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted):
        run(monkeypatch, Interrupted())


@pytest.mark.parametrize(("trouble", "examined"), [(None, [True, False]), (Trouble("t"), [True])])
def test_doubtful_findings_are_found_again_in_series(
    monkeypatch: pytest.MonkeyPatch, trouble: Trouble | None, examined: list[bool]
) -> None:
    found = []

    def examine(_certification: object, _engine: object, _profiles: object, seen: Any) -> None:
        found.append(seen.lanes)
        seen.doubt = "the container ended" if seen.lanes else ""
        seen.trouble = trouble

    monkeypatch.setattr(Certification, "_examine", examine)
    monkeypatch.setattr(certify, "measure_host", lambda engine: engine.host())
    engine = Engine(cast(Any, None), {"Architecture": "x86_64"})
    Certification(engine, REFERENCE, Options()).run([load("plain")])
    assert found == examined


@pytest.mark.parametrize(
    ("asked", "planned", "said", "launches"),
    [
        ("auto", "apparmor", "unable to apply AppArmor profile: no such file", 2),
        ("apparmor", "apparmor", "unable to apply AppArmor profile: no such file", 1),
        ("auto", "caps", "unable to apply AppArmor profile: no such file", 1),
        ("auto", "apparmor", "no space left on device", 1),
    ],
)
def test_an_engine_that_refuses_the_apparmor_profile_launches_without_it(
    monkeypatch: pytest.MonkeyPatch, asked: str, planned: str, said: str, launches: int
) -> None:
    examined: list[object] = []

    def examine(_certification: object, _engine: object, _profiles: object, seen: Any) -> None:
        examined.append(seen)
        if len(examined) == 1:
            seen.plan = LaunchPlan("init", planned)
            raise LaunchRefused("It was refused.", evidence=said)

    monkeypatch.setattr(apparmor, "_given_up", [])
    monkeypatch.setattr(Certification, "_examine", examine)
    monkeypatch.setattr(certify, "measure_host", lambda engine: engine.host())
    engine = Engine(cast(Any, None), {"Architecture": "x86_64"})
    options = Options(isolation=Isolation(asked))
    Certification(engine, REFERENCE, options).run([load("plain")])
    assert len(examined) == launches
    reasons = [f"the engine refused it: {said}"] if launches == 2 else []
    assert apparmor._given_up == reasons
