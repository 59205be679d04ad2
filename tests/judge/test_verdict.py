from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.findings import EVIDENCE_LIMIT
from certify.judge.profiles import Profile, load
from certify.judge.verdict import judge
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
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
        remedy=f"Mend {check}",
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
) -> Finding:
    return Finding(
        id="any.check",
        outcome=outcome,
        message=message,
        because=because,
        fault=fault,
        evidence=evidence,
    )


def case(**changes: Finding | None) -> dict[str, Finding]:
    """All passed but for the changes (``image_os`` for ``image.os``); None takes one away."""
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
        # What counts as failed
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
        # What does not concern the verdict
        pytest.param(case(image_size=found(FAILED)), None, CERTIFIED, id="recommended failed"),
        pytest.param(case(image_libc=found(FAILED)), None, CERTIFIED, id="info failed"),
        pytest.param(case(image_size=None), None, CERTIFIED, id="recommended not run"),
        pytest.param(
            case(image_size=found(UNKNOWN, fault=Fault.HOST)),
            None,
            CERTIFIED,
            id="recommended unknown",
        ),
        # What counts as unknown
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


def test_the_grade_tells_how_it_got_there() -> None:
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


# ---------------------------------------------------------------- reasons


def test_rejection_names_every_root_once_in_the_order_of_the_profile() -> None:
    verdict = verdict_of(
        case(
            dockerd_container=found(SKIPPED, because="dockerd.running"),
            dockerd_running=found(SKIPPED, because="systemd.pid1"),
            systemd_pid1=found(FAILED, "PID 1 is sh"),
            image_os=found(FAILED, "no /etc/os-release"),
            image_size=found(FAILED, "3 GB"),
        )
    )
    assert texts(verdict) == [("image.os", "no /etc/os-release"), ("systemd.pid1", "PID 1 is sh")]
    assert [reason.remedy for reason in verdict.reasons] == ["Mend image.os", "Mend systemd.pid1"]


def test_a_root_that_is_not_required_says_what_it_holds_up() -> None:
    verdict = verdict_of(
        case(
            dockerd_installed=found(FAILED, "no dockerd"),
            dockerd_running=found(SKIPPED, because="dockerd.installed"),
            dockerd_container=found(SKIPPED, because="dockerd.running"),
        )
    )
    assert texts(verdict) == [
        (
            "dockerd.installed",
            "no dockerd (required and not to be asked without it: "
            "dockerd.running, dockerd.container)",
        )
    ]


def test_rejection_ends_with_a_summary_of_what_is_open() -> None:
    verdict = verdict_of(
        case(
            image_os=found(FAILED, "no /etc/os-release"),
            dockerd_running=found(UNKNOWN, "no answer", fault=Fault.HOST),
            dockerd_container=None,
        )
    )
    assert texts(verdict) == [
        ("image.os", "no /etc/os-release"),
        (
            None,
            "2 more required checks could not be answered (dockerd.running, dockerd.container)",
        ),
    ]


def test_a_failure_seen_before_the_engine_stopped_is_told_before_the_trouble() -> None:
    verdict = verdict_of(
        case(image_os=found(FAILED, "no /etc/os-release", fault=Fault.IMAGE), systemd_pid1=None),
        trouble=STOPPED,
    )
    assert texts(verdict) == [
        ("image.os", "no /etc/os-release"),
        (None, "the engine stopped"),
        (None, "1 more required check could not be answered (systemd.pid1)"),
    ]
    assert verdict.reasons[1].remedy == "Start it"


def test_inconclusive_tells_the_trouble_first_and_groups_what_says_the_same() -> None:
    verdict = verdict_of(
        case(
            image_os=None,
            systemd_pid1=found(UNKNOWN, "cannot tell", fault=Fault.TOOL),
            dockerd_running=None,
            dockerd_container=found(FAILED, "no nested container"),
        ),
        trouble=STOPPED,
    )
    assert texts(verdict) == [
        (None, "the engine stopped"),
        (None, "was not run (image.os, dockerd.running)"),
        ("systemd.pid1", "cannot tell (certify's own fault)"),
        (
            "dockerd.container",
            "no nested container (as the run broke down, so it proves nothing)",
        ),
    ]


def test_skips_are_told_by_their_root_in_inconclusive_runs_too() -> None:
    verdict = verdict_of(
        case(
            dockerd_installed=found(UNKNOWN, "no answer", fault=Fault.NETWORK),
            dockerd_running=found(SKIPPED, because="dockerd.installed"),
            dockerd_container=found(SKIPPED, because="dockerd.running"),
        )
    )
    assert texts(verdict) == [("dockerd.installed", "no answer (the network's fault)")]


def test_long_lists_are_cut() -> None:
    verdict, _ = judge(load("devspace"), {}, {})
    (reason,) = verdict.reasons
    assert reason.text == (
        "was not run (image.os, image.shell, image.platform, packages.manager, packages.refresh "
        "and 17 more)"
    )


def test_what_was_seen_of_trouble_is_kept_escaped_and_bounded() -> None:
    seen = "\x1b[2Jrunc: no\x07" + "x" * 2 * EVIDENCE_LIMIT
    (first, *_) = verdict_of({}, trouble=Trouble("It would not start.", evidence=seen)).reasons
    assert first.evidence.startswith("runc: no\\x07xxx")
    assert len(first.evidence) <= EVIDENCE_LIMIT + 100


@pytest.mark.parametrize(
    ("trouble", "remedy"),
    [
        (EngineUnavailable("gone"), "certify doctor"),
        (ImageUnavailable("not there"), "the registry"),
        (ImageUnavailable("no network", fault=Fault.NETWORK), "the host's network"),
        (SuiteBroken("a traceback"), "defect of certify"),
        (SuiteBroken("a traceback", remedy="Do this"), "Do this"),
    ],
)
def test_trouble_has_a_remedy_by_its_fault(trouble: Trouble, remedy: str) -> None:
    verdict = verdict_of({}, trouble=trouble)
    assert verdict.reasons[0].check is None
    assert verdict.reasons[0].text == trouble.message
    assert remedy in verdict.reasons[0].remedy


# ---------------------------------------------------------------- checks of the result


def test_checks_show_the_outcome_that_counts() -> None:
    checks = by_id(
        judge(
            PROFILE,
            case(
                image_os=found(FAILED, "no answer", fault=Fault.NETWORK, evidence="apt-get: ..."),
                systemd_pid1=None,
                dockerd_running=found(SKIPPED, because="systemd.pid1"),
                dockerd_container=found(SKIPPED, "not asked", because="dockerd.running"),
                image_size=found(SKIPPED),
                dockerd_installed=found(FAILED, "no dockerd"),
            ),
            CLAIMS,
        )[1]
    )
    outcomes = {check.id: (check.outcome, check.message) for check in checks.values()}
    assert outcomes == {
        "image.os": (UNKNOWN, "no answer"),
        "image.size": (SKIPPED, "does not apply"),
        "image.libc": (PASSED, ""),
        "systemd.pid1": (UNKNOWN, "was not run"),
        "dockerd.running": (SKIPPED, "skipped because of systemd.pid1"),
        "dockerd.container": (SKIPPED, "not asked (because of dockerd.running)"),
        "dockerd.installed": (FAILED, "no dockerd"),
    }
    told = case(image_size=found(SKIPPED, "needs image.os", because="image.os"))
    assert by_id(judge(PROFILE, told, CLAIMS)[1])["image.size"].message == "needs image.os"
    assert checks["image.os"].evidence == "apt-get: ..."
    assert checks["image.os"].title == "Title of image.os"
    assert checks["image.os"].group == "image"
    assert [checks[check].level for check in ORDER[:3]] == [
        Level.REQUIRED,
        Level.RECOMMENDED,
        Level.INFO,
    ]


def test_remedies_fit_what_is_wrong() -> None:
    checks = by_id(
        judge(
            PROFILE,
            case(
                image_os=found(FAILED),
                image_size=found(UNKNOWN, fault=Fault.HOST, evidence="no space left on device"),
                image_libc=found(UNKNOWN, fault=Fault.NETWORK, evidence="no space left on device"),
                systemd_pid1=found(SKIPPED, because="image.os"),
                dockerd_running=found(SKIPPED, because="systemd.pid1"),
                dockerd_container=found(SKIPPED),
                dockerd_installed=None,
            ),
            CLAIMS,
        )[1]
    )
    remedies = {check.id: check.remedy for check in checks.values()}
    assert remedies["image.os"] == "Mend image.os"
    assert "Free space on the host" in remedies["image.size"]
    # A signature that blames something else than the finding does is no help.
    assert "Check the host's network" in remedies["image.libc"]
    assert remedies["systemd.pid1"] == "See to image.os first."
    assert remedies["dockerd.running"] == "See to image.os first."
    assert "choose a profile without it" in remedies["dockerd.container"]
    assert remedies["dockerd.installed"].startswith("Run again")
    assert by_id(judge(PROFILE, case(), CLAIMS)[1])["image.os"].remedy == ""


def test_a_check_without_claim_is_called_by_its_id() -> None:
    verdict, checks = judge(PROFILE, case(image_os=found(FAILED)), {})
    assert checks[0].title == "image.os"
    assert texts(verdict) == [("image.os", "image.os: failed")]


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

    # Nobody knows how much a check without a claim matters, so it matters.
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
def test_what_each_status_means(
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
        blamed = verdict.reasons[0].check
        assert blamed is not None
        assert findings[blamed].outcome is FAILED
        assert findings[blamed].fault in (None, Fault.IMAGE)
        assert trouble is None or findings[blamed].fault is Fault.IMAGE
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
    blamed = {
        check: finding.model_copy(update={"fault": fault}) for check, finding in findings.items()
    }
    rejected = verdict_of(blamed).status is REJECTED
    assert not (rejected and fault is not Fault.IMAGE)


@given(some_findings, troubles.filter(lambda trouble: trouble is not None))
def test_trouble_never_turns_anything_into_a_rejection(
    findings: dict[str, Finding], trouble: Trouble
) -> None:
    troubled = verdict_of(findings, trouble=trouble).status
    assert troubled is not CERTIFIED
    if troubled is REJECTED:
        assert verdict_of(findings).status is REJECTED
