"""Waivers and the verdict: each rule of `judge`, and what always holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.profile import Profile
from certify.judge.verdict import judge
from certify.judge.waivers import Waiver, in_force
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.finding import Finding
from certify.model.result import Check, Verdict
from certify.model.terms import Fault, Grade, Level, Outcome, Status

PASSED, FAILED, SKIPPED, UNKNOWN = Outcome
CERTIFIED, REJECTED, INCONCLUSIVE = Status
NOON = datetime(2026, 5, 31, 12, 0, tzinfo=UTC)
STOPPED = EngineUnavailable("the engine stopped", remedy="Start it")

# A root and two checks that need it, an independent check, and two that are not required.
PROFILE = Profile(
    name="small",
    title="Small",
    description="For these tests",
    source="These tests",
    launch="init",
    required=("a.root", "a.next", "a.last", "b.other"),
    recommended=("c.noted",),
    info=("d.info",),
)
ORDER = PROFILE.checks
REQUIRED = PROFILE.required


def waiver(check: str, *, expires: datetime = NOON) -> Waiver:
    return Waiver(image="*", check=check, reason="harmless", owner="ana", expires=expires)


def found(outcome: Outcome, because: str | None = None, fault: Fault | None = None) -> Finding:
    return Finding(id="x.y", outcome=outcome, message="message", because=because, fault=fault)


def case(**changes: Finding | None) -> dict[str, Finding]:
    """Return passed findings with some changed (``a_root`` is ``a.root``); None removes one."""
    findings: dict[str, Finding | None] = {check: found(PASSED) for check in ORDER}
    findings |= {check.replace("_", ".", 1): finding for check, finding in changes.items()}
    return {check: finding for check, finding in findings.items() if finding is not None}


def judged(
    findings: dict[str, Finding],
    *waived: str,
    now: datetime = NOON,
    trouble: Trouble | None = None,
    installed: bool = False,
) -> tuple[Verdict, dict[str, Check]]:
    verdict, checks = judge(
        PROFILE,
        findings,
        {},
        trouble=trouble,
        installed_at_launch=installed,
        waived=in_force([waiver(check) for check in waived], now),
    )
    return verdict, {check.id: check for check in checks}


BROKEN_ROOT = case(
    a_root=found(FAILED, fault=Fault.IMAGE),
    a_next=found(SKIPPED, because="a.root"),
    a_last=found(SKIPPED, because="a.next"),
)


@pytest.mark.parametrize(
    ("findings", "waived", "status"),
    [
        pytest.param(case(b_other=found(FAILED)), "", REJECTED, id="failed, not waived"),
        pytest.param(case(b_other=found(FAILED)), "b.other", CERTIFIED, id="failed, waived"),
        pytest.param(case(b_other=found(FAILED)), "a.root", REJECTED, id="another is waived"),
        pytest.param(
            case(b_other=found(FAILED), a_root=found(FAILED)),
            "b.other",
            REJECTED,
            id="one of two failures is waived",
        ),
        pytest.param(
            case(b_other=found(FAILED), a_root=found(FAILED)),
            "b.other a.root",
            CERTIFIED,
            id="two failures, both waived",
        ),
        # A check that never ran is not covered by the waiver of its root
        pytest.param(BROKEN_ROOT, "a.root", REJECTED, id="only the root is waived"),
        pytest.param(BROKEN_ROOT, "a.root a.next", REJECTED, id="root and one dependant"),
        pytest.param(BROKEN_ROOT, "a.next a.last", REJECTED, id="dependants, but not the root"),
        pytest.param(BROKEN_ROOT, "a.root a.next a.last", CERTIFIED, id="the whole chain"),
        pytest.param(
            case(c_noted=found(FAILED), a_root=found(SKIPPED, because="c.noted")),
            "c.noted",
            REJECTED,
            id="a recommended root is waived, its required dependant is not",
        ),
        pytest.param(
            case(c_noted=found(FAILED), a_root=found(SKIPPED, because="c.noted")),
            "a.root",
            CERTIFIED,
            id="a required dependant of a recommended root is waived",
        ),
        pytest.param(
            case(a_root=found(FAILED), c_noted=found(SKIPPED, because="a.root")),
            "a.root",
            CERTIFIED,
            id="only recommended dependants of a waived failure",
        ),
        # Trouble of the host cannot be waived
        *(
            pytest.param(
                case(b_other=found(UNKNOWN, fault=fault)),
                "b.other",
                INCONCLUSIVE,
                id=f"unknown, {fault}",
            )
            for fault in (*Fault, None)
        ),
        *(
            pytest.param(
                case(b_other=found(FAILED, fault=fault)),
                "b.other",
                INCONCLUSIVE,
                id=f"failed, {fault}",
            )
            for fault in Fault
            if fault is not Fault.IMAGE
        ),
        pytest.param(case(b_other=None), "b.other", INCONCLUSIVE, id="not run"),
        pytest.param(case(b_other=found(SKIPPED)), "b.other", INCONCLUSIVE, id="does not apply"),
        pytest.param(
            case(a_root=found(UNKNOWN), a_next=found(SKIPPED, because="a.root")),
            "a.next",
            INCONCLUSIVE,
            id="skipped because of an unknown",
        ),
        pytest.param(
            case(a_next=found(SKIPPED, because="a.root")),
            "a.next",
            INCONCLUSIVE,
            id="skipped because of a check that passed",
        ),
        pytest.param(
            case(b_other=found(FAILED), a_root=found(UNKNOWN)),
            "b.other",
            INCONCLUSIVE,
            id="a waived failure, another unknown",
        ),
        # Something must have passed
        pytest.param(
            case(**{check.replace(".", "_"): found(FAILED) for check in REQUIRED}),
            " ".join(REQUIRED),
            INCONCLUSIVE,
            id="all failed, all waived",
        ),
        pytest.param({}, " ".join(ORDER), INCONCLUSIVE, id="nothing run, all waived"),
        # Checks that are not required
        pytest.param(case(c_noted=found(FAILED)), "c.noted", CERTIFIED, id="recommended, waived"),
        pytest.param(case(), "b.other", CERTIFIED, id="passed, waived"),
        pytest.param(case(), "z.zoo", CERTIFIED, id="a check of no profile is waived"),
    ],
)
def test_the_effect_of_a_waiver(findings: dict[str, Finding], waived: str, status: Status) -> None:
    verdict, checks = judged(findings, *waived.split())
    assert verdict.status is status
    assert (verdict.reasons == ()) == (status is CERTIFIED)
    assert all(reason.text for reason in verdict.reasons)
    for check in checks.values():
        finding = findings.get(check.id)
        if check.waiver:
            assert check.id in waived.split()
            assert check.outcome in (FAILED, SKIPPED)
        assert check.outcome in (UNKNOWN, finding.outcome if finding else UNKNOWN)


def test_a_waived_check_has_its_waiver() -> None:
    _, checks = judged(BROKEN_ROOT, "a.root", "a.last", "b.other")
    excused = {check.id: check.waiver for check in checks.values() if check.waiver}
    assert set(excused) == {"a.root", "a.last"}
    assert excused["a.root"] == waiver("a.root").waived


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_an_expired_waiver_does_not_count(seconds: int) -> None:
    findings = case(b_other=found(FAILED))
    verdict, checks = judged(findings, "b.other", now=NOON + timedelta(seconds=seconds))
    holds = seconds <= 0
    assert verdict.status is (CERTIFIED if holds else REJECTED)
    assert (checks["b.other"].waiver is not None) is holds


@pytest.mark.parametrize(("installed", "grade"), [(False, Grade.NATIVE), (True, Grade.ON_LAUNCH)])
def test_a_waiver_does_not_change_the_grade(installed: bool, grade: Grade) -> None:
    verdict, _ = judged(case(b_other=found(FAILED)), "b.other", installed=installed)
    assert (verdict.status, verdict.grade) == (CERTIFIED, grade)


def test_trouble_is_not_waived() -> None:
    sure = case(b_other=found(FAILED, fault=Fault.IMAGE))
    assert judged(sure, trouble=STOPPED)[0].status is REJECTED
    verdict, checks = judged(sure, "b.other", trouble=STOPPED)
    assert verdict.status is INCONCLUSIVE
    assert [reason.text for reason in verdict.reasons] == ["the engine stopped"]
    assert checks["b.other"].waiver is not None
    # Without a fault it may be due to the trouble, so it is unknown and not excused.
    perhaps = case(b_other=found(FAILED))
    verdict, checks = judged(perhaps, "b.other", trouble=STOPPED)
    assert verdict.status is INCONCLUSIVE
    assert checks["b.other"].waiver is None


def test_a_rejection_names_the_checks_that_are_not_excused() -> None:
    verdict, _ = judged(BROKEN_ROOT | {"b.other": found(FAILED)}, "a.root", "a.next", "b.other")
    (reason,) = verdict.reasons
    assert reason.check == "a.root"
    assert reason.text == (
        "message (it is waived, but required checks that need it are not: a.last)"
    )


def test_the_reason_says_that_every_check_is_waived() -> None:
    findings = BROKEN_ROOT | {"b.other": found(FAILED)}
    (reason,) = judged(findings, *REQUIRED)[0].reasons
    assert reason.text.startswith("every required check is waived, so there is nothing")


# ---------------------------------------------------------------- what always holds

findings_ = st.dictionaries(
    st.sampled_from(ORDER),
    st.builds(
        found,
        st.sampled_from(Outcome),
        st.none() | st.sampled_from(ORDER),
        st.none() | st.sampled_from(Fault),
    ),
)
waived_ = st.lists(st.sampled_from(ORDER), unique=True)
troubles = st.sampled_from([None, None, STOPPED])


@given(findings_, waived_, troubles)
def test_a_certificate_has_no_unmet_check(
    findings: dict[str, Finding], waived: list[str], trouble: Trouble | None
) -> None:
    verdict, checks = judged(findings, *waived, trouble=trouble)
    required = [check for check in checks.values() if check.level is Level.REQUIRED]
    fine = all(check.outcome is PASSED or check.waiver for check in required)
    some = any(check.outcome is PASSED for check in required)
    assert (verdict.status is CERTIFIED) == (fine and some and trouble is None)
    assert (verdict.reasons == ()) == (verdict.status is CERTIFIED)
    for check in checks.values():
        if check.waiver:
            assert check.id in waived
            assert check.outcome in (FAILED, SKIPPED)
        if check.outcome is FAILED and check.id in waived:
            assert check.waiver


@given(findings_, waived_, troubles)
def test_waivers_only_change_rejections(
    findings: dict[str, Finding], waived: list[str], trouble: Trouble | None
) -> None:
    without, plain = judged(findings, trouble=trouble)
    with_, excused = judged(findings, *waived, trouble=trouble)
    if without.status is not REJECTED:
        assert with_ == without
    stripped = {check.id: check.model_copy(update={"waiver": None}) for check in excused.values()}
    assert stripped == plain, "waivers change no outcome and no evidence"


@given(findings_, waived_)
def test_another_waiver_never_costs_a_certificate(
    findings: dict[str, Finding], waived: list[str]
) -> None:
    if judged(findings, *waived[1:])[0].status is CERTIFIED:
        assert judged(findings, *waived)[0].status is CERTIFIED
