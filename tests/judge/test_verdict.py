"""The verdict: how each finding counts, and what always holds."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.profile import Profile
from certify.judge.profiles import load
from certify.judge.verdict import judge
from certify.model.errors import EngineUnavailable, SuiteBroken, Trouble
from certify.model.finding import Claim, Finding
from certify.model.result import Check, Verdict
from certify.model.terms import Fault, Grade, Level, Outcome, Status

PASSED, FAILED, SKIPPED, UNKNOWN = Outcome

PROFILE = Profile(
    name="small",
    title="Small",
    description="For these tests",
    source="These tests",
    launch="init",
    required=("image.os", "systemd.pid1", "dockerd.running", "dockerd.container"),
    recommended=("image.size", "dockerd.installed"),
    info=("image.libc",),
)
ORDER = (
    "image.os",
    "image.size",
    "image.libc",
    "systemd.pid1",
    "dockerd.running",
    "dockerd.container",
    "dockerd.installed",
)


def claim(check: str, level: Level = Level.REQUIRED) -> Claim:
    return Claim(
        id=check,
        title=f"Title of {check}",
        claim="It holds",
        why="Because",
        how="By looking",
        remedy=f"Fix {check}",
        level=level,
    )


CLAIMS = {check: claim(check) for check in ORDER}


def found(
    outcome: Outcome,
    message: str = "",
    *,
    because: str | None = None,
    fault: Fault | None = None,
    evidence: str = "",
    remedy: str = "",
) -> Finding:
    return Finding(
        id="any.check",
        outcome=outcome,
        message=message,
        because=because,
        fault=fault,
        evidence=evidence,
        remedy=remedy,
    )


def case(**changes: Finding | None) -> dict[str, Finding]:
    """Return passed findings with some changed (``image_os`` is ``image.os``); None removes one."""
    findings: dict[str, Finding | None] = {check: found(PASSED) for check in ORDER}
    findings |= {check.replace("_", ".", 1): finding for check, finding in changes.items()}
    return {check: finding for check, finding in findings.items() if finding is not None}


def verdict_of(
    findings: Mapping[str, Finding],
    *,
    trouble: Trouble | None = None,
    claims: Mapping[str, Claim] = CLAIMS,
) -> Verdict:
    return judge(PROFILE, findings, claims, trouble=trouble)[0]


def texts(verdict: Verdict) -> list[tuple[str | None, str]]:
    return [(reason.check, reason.text) for reason in verdict.reasons]


def by_id(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.id: check for check in checks}


CERTIFIED, REJECTED, INCONCLUSIVE = Status
STOPPED = EngineUnavailable("the engine stopped", remedy="Start it")


@pytest.mark.parametrize(
    ("findings", "trouble", "status"),
    [
        pytest.param(case(), None, CERTIFIED, id="all passed"),
        # Counted as failed
        pytest.param(case(image_os=found(FAILED)), None, REJECTED, id="failed, no fault named"),
        pytest.param(
            case(image_os=found(FAILED, fault=Fault.IMAGE)), None, REJECTED, id="failed, image"
        ),
        pytest.param(
            case(
                systemd_pid1=found(FAILED), dockerd_running=found(SKIPPED, because="systemd.pid1")
            ),
            None,
            REJECTED,
            id="skipped because of a failure",
        ),
        pytest.param(
            case(
                dockerd_installed=found(FAILED),
                dockerd_running=found(SKIPPED, because="dockerd.installed"),
            ),
            None,
            REJECTED,
            id="skipped because of a failure that is only recommended",
        ),
        pytest.param(
            case(
                dockerd_installed=found(FAILED),
                dockerd_running=found(SKIPPED, because="dockerd.installed"),
                dockerd_container=found(SKIPPED, because="dockerd.running"),
            ),
            None,
            REJECTED,
            id="skipped by way of another skip",
        ),
        # Findings that do not affect the verdict
        pytest.param(case(image_size=found(FAILED)), None, CERTIFIED, id="recommended failed"),
        pytest.param(case(image_libc=found(FAILED)), None, CERTIFIED, id="info failed"),
        pytest.param(case(image_size=None), None, CERTIFIED, id="recommended not run"),
        pytest.param(
            case(image_size=found(UNKNOWN, fault=Fault.HOST)),
            None,
            CERTIFIED,
            id="recommended unknown",
        ),
        # Counted as unknown
        *(
            pytest.param(
                case(image_os=found(FAILED, fault=fault)), None, INCONCLUSIVE, id=f"failed, {fault}"
            )
            for fault in Fault
            if fault is not Fault.IMAGE
        ),
        *(
            pytest.param(
                case(image_os=found(UNKNOWN, fault=fault)),
                None,
                INCONCLUSIVE,
                id=f"unknown, {fault}",
            )
            for fault in (*Fault, None)
        ),
        pytest.param(case(image_os=None), None, INCONCLUSIVE, id="not run"),
        pytest.param({}, None, INCONCLUSIVE, id="nothing run"),
        pytest.param(case(image_os=found(SKIPPED)), None, INCONCLUSIVE, id="does not apply"),
        pytest.param(
            case(dockerd_container=found(SKIPPED, because="image.os")),
            None,
            INCONCLUSIVE,
            id="skipped because of a check that passed",
        ),
        pytest.param(
            case(dockerd_container=found(SKIPPED, because="zoo.cage")),
            None,
            INCONCLUSIVE,
            id="skipped because of a check that nobody ran",
        ),
        pytest.param(
            case(dockerd_container=found(SKIPPED, because="dockerd.container")),
            None,
            INCONCLUSIVE,
            id="skipped because of itself",
        ),
        pytest.param(
            case(
                dockerd_running=found(SKIPPED, because="dockerd.container"),
                dockerd_container=found(SKIPPED, because="dockerd.running"),
            ),
            None,
            INCONCLUSIVE,
            id="skipped because of each other",
        ),
        pytest.param(
            case(
                systemd_pid1=found(FAILED, fault=Fault.HOST),
                dockerd_running=found(SKIPPED, because="systemd.pid1"),
            ),
            None,
            INCONCLUSIVE,
            id="skipped because of a failure that is the host's",
        ),
        pytest.param(
            case(
                dockerd_installed=found(SKIPPED),
                dockerd_running=found(SKIPPED, because="dockerd.installed"),
            ),
            None,
            INCONCLUSIVE,
            id="skipped because of a check that does not apply",
        ),
        # Failures beside unknowns
        pytest.param(
            case(image_os=found(FAILED), systemd_pid1=found(UNKNOWN, fault=Fault.HOST)),
            None,
            REJECTED,
            id="one failed, another unknown",
        ),
        # Trouble
        pytest.param(case(), STOPPED, INCONCLUSIVE, id="all passed, and trouble"),
        pytest.param({}, STOPPED, INCONCLUSIVE, id="nothing run, and trouble"),
        pytest.param(
            {"image.os": found(FAILED, fault=Fault.IMAGE)},
            STOPPED,
            REJECTED,
            id="a failure seen for certain, then trouble",
        ),
        pytest.param(
            {"image.os": found(FAILED)},
            STOPPED,
            INCONCLUSIVE,
            id="a failure that may be the trouble's",
        ),
        pytest.param(
            {
                "systemd.pid1": found(FAILED),
                "dockerd.running": found(SKIPPED, because="systemd.pid1"),
            },
            STOPPED,
            INCONCLUSIVE,
            id="skipped because of what may be the trouble's",
        ),
        pytest.param(
            case(image_size=found(FAILED, fault=Fault.IMAGE)),
            STOPPED,
            INCONCLUSIVE,
            id="only a recommended failure before the trouble",
        ),
        pytest.param(
            case(image_os=found(FAILED, fault=Fault.HOST)),
            STOPPED,
            INCONCLUSIVE,
            id="a failure of the host's, and trouble",
        ),
    ],
)
def test_status(findings: dict[str, Finding], trouble: Trouble | None, status: Status) -> None:
    verdict, checks = judge(PROFILE, findings, CLAIMS, trouble=trouble)
    assert verdict.status is status
    assert (verdict.grade is Grade.NATIVE) == (status is CERTIFIED)
    assert (verdict.reasons == ()) == (status is CERTIFIED)
    assert tuple(check.id for check in checks) == ORDER
    assert all(reason.text and reason.remedy for reason in verdict.reasons)


def test_the_grade_says_if_anything_was_installed() -> None:
    assert judge(PROFILE, case(), CLAIMS)[0].grade is Grade.NATIVE
    installed, _ = judge(PROFILE, case(), CLAIMS, installed_at_launch=True)
    assert (installed.status, installed.grade) == (CERTIFIED, Grade.ON_LAUNCH)
    failed, _ = judge(PROFILE, case(image_os=found(FAILED)), CLAIMS, installed_at_launch=True)
    assert failed.grade is None


def test_a_profile_that_requires_nothing_certifies_nothing() -> None:
    lax = PROFILE.model_copy(update={"required": ()})
    findings = {"image.size": found(PASSED)}
    verdict, _ = judge(lax, findings, CLAIMS)
    assert verdict.status is INCONCLUSIVE
    assert "no check is required" in verdict.reasons[0].text


def test_checks_of_the_users_own_count_at_the_level_of_their_claim() -> None:
    mine = {
        "team.proxy": claim("team.proxy"),
        "team.motd": claim("team.motd", Level.RECOMMENDED),
        "a.first": claim("a.first", Level.INFO),
    }
    extra = {"team.proxy": found(PASSED), "team.motd": found(FAILED), "a.first": found(FAILED)}
    verdict, checks = judge(PROFILE, case() | extra, CLAIMS | mine)
    assert verdict.status is CERTIFIED
    assert tuple(check.id for check in checks) == (*ORDER, "a.first", "team.motd", "team.proxy")
    assert by_id(checks)["team.motd"].level is Level.RECOMMENDED

    failing = case() | extra | {"team.proxy": found(FAILED, "no proxy")}
    verdict, _ = judge(PROFILE, failing, CLAIMS | mine)
    assert texts(verdict) == [("team.proxy", "no proxy")]
    assert verdict.status is REJECTED

    # A check without a claim is required, to be safe.
    assert judge(PROFILE, case() | {"b.x": found(FAILED)}, CLAIMS)[0].status is REJECTED


# ---------------------------------------------------------------- what always holds

ids = st.sampled_from(ORDER)
finding = st.builds(
    found,
    st.sampled_from(Outcome),
    st.sampled_from(["", "one", "two"]),
    because=st.none() | ids | st.just("zoo.cage"),
    fault=st.none() | st.sampled_from(Fault),
)
some_findings = st.dictionaries(st.sampled_from((*ORDER, "team.proxy")), finding)
troubles = st.sampled_from([None, None, STOPPED, SuiteBroken("broke")])


@given(some_findings, troubles, st.booleans())
def test_each_status_keeps_its_promise(
    findings: dict[str, Finding], trouble: Trouble | None, installed: bool
) -> None:
    verdict, checks = judge(
        PROFILE, findings, CLAIMS, trouble=trouble, installed_at_launch=installed
    )
    required = [check for check in checks if check.level is Level.REQUIRED]
    all_passed = all(check.outcome is PASSED for check in required)
    assert (verdict.status is CERTIFIED) == (all_passed and trouble is None)
    assert (verdict.grade is None) == (verdict.status is not CERTIFIED)
    assert len({check.id for check in checks}) == len(checks)
    assert {check.id for check in checks} == set(ORDER) | set(findings)
    if verdict.status is REJECTED:
        first = verdict.reasons[0].check
        assert first is not None
        assert findings[first].outcome is FAILED
        assert findings[first].fault in (None, Fault.IMAGE)
        assert trouble is None or findings[first].fault is Fault.IMAGE
    if verdict.status is INCONCLUSIVE and trouble is not None:
        assert verdict.reasons[0].text == trouble.message
    named = [reason.check for reason in verdict.reasons if reason.check is not None]
    assert len(set(named)) == len(named)
    assert (verdict.reasons == ()) == (verdict.status is CERTIFIED)
    if any(check.outcome is FAILED and check.level is Level.REQUIRED for check in checks):
        assert verdict.status is REJECTED


@given(some_findings, troubles, st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(
    findings: dict[str, Finding], trouble: Trouble | None, random: Random
) -> None:
    shuffled = list(findings.items())
    random.shuffle(shuffled)
    assert judge(PROFILE, dict(shuffled), CLAIMS, trouble=trouble) == judge(
        PROFILE, findings, CLAIMS, trouble=trouble
    )


@given(
    st.sampled_from(load("devspace").required),
    st.none() | finding.filter(lambda finding: finding.outcome is not PASSED),
)
def test_no_required_check_can_be_missed(check: str, instead: Finding | None) -> None:
    devspace = load("devspace")
    findings = {name: found(PASSED) for name in devspace.checks}
    assert judge(devspace, findings, {})[0].status is CERTIFIED
    del findings[check]
    if instead is not None:
        findings[check] = instead
    assert judge(devspace, findings, {})[0].status is not CERTIFIED


@given(some_findings, st.sampled_from(Fault))
def test_nothing_but_the_image_can_reject(findings: dict[str, Finding], fault: Fault) -> None:
    attributed = {
        check: finding.model_copy(update={"fault": fault}) for check, finding in findings.items()
    }
    rejected = verdict_of(attributed).status is REJECTED
    assert not (rejected and fault is not Fault.IMAGE)


@given(some_findings, troubles.filter(lambda trouble: trouble is not None))
def test_trouble_never_turns_anything_into_a_rejection(
    findings: dict[str, Finding], trouble: Trouble
) -> None:
    troubled = verdict_of(findings, trouble=trouble).status
    assert troubled is not CERTIFIED
    if troubled is REJECTED:
        assert verdict_of(findings).status is REJECTED
