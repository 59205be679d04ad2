"""JUnit that does not lie: red exactly if the image is not certified, and always valid."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.model.result import AppliedWaiver, Check, Reason, Result, WaiverNote
from certify.model.terms import Level, Outcome, Status, WaiverState
from certify.publish.junit import junit_xml

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.text(st.characters(exclude_categories=())) | st.sampled_from(["]]>", "\r\n", "&#0;"])
MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def suites(*results: Result) -> list[ET.Element]:
    return list(ET.fromstring(junit_xml(results).encode()))


def case(suite: ET.Element, name: str) -> ET.Element:
    (found,) = (case for case in suite.iter("testcase") if case.get("name") == name)
    return found


def kinds(suite: ET.Element) -> list[str]:
    """What stands in each test case, without the output of passed ones."""
    return [
        next((child.tag for child in case if child.tag != "system-out"), "passed")
        for case in suite.iter("testcase")
    ]


def red(suite: ET.Element) -> bool:
    """As a reader of JUnit would see it: by the counts, which must match the cases."""
    counted = {"failure": 0, "error": 0, "skipped": 0, "passed": 0}
    for kind in kinds(suite):
        counted[kind] += 1
    assert int(suite.get("failures", "-1")) == counted["failure"]
    assert int(suite.get("errors", "-1")) == counted["error"]
    assert int(suite.get("skipped", "-1")) == counted["skipped"]
    assert int(suite.get("tests", "-1")) == sum(counted.values()) > 0
    return bool(counted["failure"] or counted["error"])


def test_every_kind_of_result(one_of_each: list[Result]) -> None:
    native, on_launch, rejected, unreachable, halting = suites(*one_of_each)
    assert native.get("name") == "localhost/debian-devspace:latest (devspace)"
    assert native.get("timestamp") == "2026-03-01T12:00:00"
    assert kinds(native) == ["passed"] * 35
    assert kinds(on_launch).count("skipped") == 1
    assert kinds(rejected).count("failure") == 1
    assert kinds(rejected).count("skipped") == 3
    assert kinds(unreachable) == ["error"]
    assert kinds(halting).count("error") == 3  # two checks, and the verdict
    assert [red(suite) for suite in suites(*one_of_each)] == [False, False, True, True, True]


def test_a_check_is_a_case(rejected: Result) -> None:
    (suite,) = suites(rejected)
    failed = case(suite, "dockerd.container")
    assert failed.get("classname") == "certify.dockerd"
    assert float(failed.get("time", "")) == 0.35
    (failure,) = failed
    assert failure.get("message") == "dockerd answers, but no container can run in it"
    assert failure.get("type") == "failed"
    assert failure.text is not None
    assert "unable to join session keyring" in failure.text
    assert "\n\nRemedy: Remove" in failure.text
    assert float(case(suite, "dockerd.restart").get("time", "")) < 0.001


def test_a_recommended_failure_is_visible_and_not_red(on_launch: Result) -> None:
    (suite,) = suites(on_launch)
    noted = case(suite, "systemd.units")
    message = noted.find("skipped").get("message")  # type: ignore[union-attr]
    assert message == "recommended: one unit failed: systemd-modules-load.service"
    assert "systemctl --failed" in (noted.findtext("system-out") or "")


@pytest.mark.parametrize(
    ("outcome", "fields", "kind", "message"),
    [
        (Outcome.FAILED, {}, "failure", "said"),
        (Outcome.UNKNOWN, {}, "error", "said"),
        (Outcome.SKIPPED, {}, "skipped", "said"),
        (Outcome.FAILED, {"level": Level.RECOMMENDED}, "skipped", "recommended: said"),
        (Outcome.FAILED, {"level": Level.INFO}, "skipped", "info: said"),
        (Outcome.UNKNOWN, {"level": Level.INFO}, "skipped", "info: said (unknown)"),
    ],
)
def test_outcomes_in_junit(
    make_check: MakeCheck,
    make_result: MakeResult,
    outcome: Outcome,
    fields: dict[str, object],
    kind: str,
    message: str,
) -> None:
    checks = (make_check("a.b", outcome, message="said", **fields), make_check("image.os"))
    (suite,) = suites(make_result(checks=checks))
    (found,) = (child for child in case(suite, "a.b") if child.tag != "system-out")
    assert (found.tag, found.get("message")) == (kind, message)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SKIPPED])
@pytest.mark.parametrize("level", list(Level))
def test_a_waived_check_is_skipped_with_its_reason(
    make_check: MakeCheck,
    make_result: MakeResult,
    waived: AppliedWaiver,
    outcome: Outcome,
    level: Level,
) -> None:
    check = make_check("a.b", outcome, message="said", evidence="$ x", waiver=waived, level=level)
    (suite,) = suites(make_result(checks=(check, make_check("image.os"))))
    assert not red(suite)
    skipped = case(suite, "a.b").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "waived: harmless (ana, until 2026-05-31, OPS-7)"
    assert case(suite, "a.b").findtext("system-out") == "said\n$ x"


def test_waivers_that_need_attention_are_properties(
    make_result: MakeResult, waived: AppliedWaiver
) -> None:
    notes = tuple(
        WaiverNote(check="a.b", image=f"{state}:*", state=state, **waived.model_dump())
        for state in (*WaiverState, WaiverState.EXPIRED)
    )
    (suite,) = suites(make_result(waivers=notes))
    found = {entry.get("name"): entry.get("value") for entry in suite.iter("property")}
    words = "harmless (ana, until 2026-05-31, OPS-7)"
    assert found["waivers.expired"] == f"a.b for expired:*: {words}; a.b for expired:*: {words}"
    assert found["waivers.unneeded"] == f"a.b for unneeded:*: {words}"
    assert not any("used:" in str(value) for value in found.values())


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN])
def test_a_check_without_message_is_not_dropped(
    make_check: MakeCheck, make_result: MakeResult, outcome: Outcome
) -> None:
    silent = make_check("a.b", outcome, message="", title="", evidence="", remedy="")
    (suite,) = suites(make_result(checks=(silent,), status=Status.REJECTED))
    assert red(suite)
    assert case(suite, "a.b")[0].get("message")


@pytest.mark.parametrize("status", list(Status))
def test_no_check_run_is_never_green(
    make_check: MakeCheck, make_result: MakeResult, status: Status
) -> None:
    skipped = make_check("a.b", Outcome.SKIPPED, message="needs c.d")
    for checks in ((), (skipped,)):
        (suite,) = suites(make_result(checks=checks, status=status))
        assert red(suite)
        assert "no check was run" in str(case(suite, "verdict")[0].get("message"))
        assert case(suite, "verdict")[0].tag == "error"


@pytest.mark.parametrize("status", [Status.REJECTED, Status.INCONCLUSIVE])
def test_a_bad_verdict_is_red_without_a_failed_check(
    make_result: MakeResult, status: Status
) -> None:
    reason = Reason(check="a.b", text="the engine stopped", remedy="Start it.")
    (suite,) = suites(make_result(status=status, reasons=(reason,)))
    assert red(suite)
    (told,) = case(suite, "verdict")
    assert told.tag == ("failure" if status is Status.REJECTED else "error")
    assert told.get("message") == f"{status.value.upper()}: the engine stopped"
    assert told.text == "a.b: the engine stopped\n\nRemedy: Start it."


def test_missing_facts_are_no_properties(unreachable: Result) -> None:
    (suite,) = suites(unreachable)
    properties = {entry.get("name"): entry.get("value") for entry in suite.iter("property")}
    assert properties == {"verdict": "INCONCLUSIVE", "suite": "sha256:5"}


def test_no_results_are_a_valid_document() -> None:
    assert suites() == []


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, 0.0])
def test_odd_durations_stay_numbers(
    make_check: MakeCheck, make_result: MakeResult, seconds: float
) -> None:
    (suite,) = suites(make_result(checks=(make_check("a.b", seconds=seconds),)))
    assert 0 <= float(case(suite, "a.b").get("time", "")) < 1


@STEADY
@given(HOSTILE, st.sampled_from(list(Outcome)), st.sampled_from(list(Status)))
def test_hostile_text_stays_text(
    make_check: MakeCheck,
    make_result: MakeResult,
    waived: AppliedWaiver,
    text: str,
    outcome: Outcome,
    status: Status,
) -> None:
    check = make_check(text, outcome, message=text, evidence=text, remedy=text, title=text)
    waiver = waived.model_copy(update={"reason": text, "owner": text, "ticket": text})
    note = WaiverNote(check=text, image=text, state=WaiverState.EXPIRED, **waiver.model_dump())
    excused = make_check("w.w", outcome, message=text, waiver=waiver)
    reason = Reason(check=text, text=text, remedy=text)
    image = {"digest": text, "platform": text}
    result = make_result(
        text,
        checks=(check, excused),
        status=status,
        reasons=(reason,),
        image=image,
        profile=text,
        waivers=(note,),
    )
    (suite,) = suites(result)
    cases = len(list(suite.iter("testcase")))
    assert 2 <= cases <= 3
    assert red(suite) or status is Status.CERTIFIED


def test_special_characters_come_back(make_check: MakeCheck, make_result: MakeResult) -> None:
    text = "<b> & ]]> \"quoted\" 'x' 💥 ä\n\ttab"
    failed = make_check("a.b", Outcome.FAILED, message='a <b> & "c" ]]>', evidence=text)
    (suite,) = suites(make_result(checks=(failed,), status=Status.REJECTED))
    (failure,) = case(suite, "a.b")
    assert failure.get("message") == 'a <b> & "c" ]]>'
    assert failure.text == text
