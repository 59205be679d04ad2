"""The reasons of a verdict and the checks of a result, in words."""

from __future__ import annotations

import pytest

from certify.judge.excerpts import EVIDENCE_LIMIT
from certify.judge.profiles import load
from certify.judge.verdict import judge
from certify.model.errors import EngineUnavailable, ImageUnavailable, SuiteBroken, Trouble
from certify.model.terms import Fault, Level
from tests.judge.test_verdict import (
    CLAIMS,
    FAILED,
    ORDER,
    PASSED,
    PROFILE,
    SKIPPED,
    STOPPED,
    UNKNOWN,
    by_id,
    case,
    found,
    texts,
    verdict_of,
)


def test_a_rejection_names_every_root_once_and_first_what_answers_most_checks() -> None:
    verdict = verdict_of(
        case(
            dockerd_container=found(SKIPPED, because="dockerd.running"),
            dockerd_running=found(SKIPPED, because="systemd.pid1"),
            systemd_pid1=found(FAILED, "PID 1 is sh"),
            image_os=found(FAILED, "no /etc/os-release"),
            image_size=found(FAILED, "3 GB"),
        )
    )
    assert texts(verdict) == [("systemd.pid1", "PID 1 is sh"), ("image.os", "no /etc/os-release")]
    assert [reason.remedy for reason in verdict.reasons] == ["Fix systemd.pid1", "Fix image.os"]


def test_causes_of_one_remedy_stand_before_one_that_answers_less() -> None:
    path = "Add /usr/sbin to ENV PATH."
    verdict = verdict_of(
        case(
            image_os=found(FAILED, "no /etc/os-release"),
            systemd_pid1=found(FAILED, "no init on PATH", remedy=path),
            dockerd_running=found(FAILED, "no dockerd on PATH", remedy=path),
            dockerd_container=found(PASSED),
        )
    )
    assert [check for check, _text in texts(verdict)] == [
        "systemd.pid1", "dockerd.running", "image.os",
    ]  # fmt: skip


def test_a_recommended_check_that_rejects_names_the_required_ones_that_need_it() -> None:
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
            "no dockerd (required checks need it: dockerd.running, dockerd.container)",
        )
    ]


def test_a_rejection_ends_with_the_checks_that_are_open() -> None:
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


def test_a_certain_failure_comes_before_the_trouble() -> None:
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


def test_an_inconclusive_verdict_has_the_trouble_first_and_groups_equal_messages() -> None:
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
            "no nested container (the run broke down, so this proves nothing)",
        ),
    ]


def test_a_skip_is_explained_by_its_root() -> None:
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


def test_the_evidence_of_trouble_is_escaped_and_bounded() -> None:
    evidence = "\x1b[2Jrunc: no\x07" + "x" * 2 * EVIDENCE_LIMIT
    (first, *_) = verdict_of({}, trouble=Trouble("It would not start.", evidence=evidence)).reasons
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
    skipped = case(image_size=found(SKIPPED, "needs image.os", because="image.os"))
    assert by_id(judge(PROFILE, skipped, CLAIMS)[1])["image.size"].message == "needs image.os"
    assert checks["image.os"].evidence == "apt-get: ..."
    assert checks["image.os"].title == "Title of image.os"
    assert checks["image.os"].group == "image"
    assert [checks[check].level for check in ORDER[:3]] == [
        Level.REQUIRED,
        Level.RECOMMENDED,
        Level.INFO,
    ]


def test_remedies_fit_the_outcome() -> None:
    checks = by_id(
        judge(
            PROFILE,
            case(
                image_os=found(FAILED),
                image_size=found(UNKNOWN, fault=Fault.HOST, remedy="Free space on the host."),
                image_libc=found(UNKNOWN, fault=Fault.NETWORK),
                systemd_pid1=found(SKIPPED, because="image.os"),
                dockerd_running=found(SKIPPED, because="systemd.pid1"),
                dockerd_container=found(SKIPPED),
                dockerd_installed=None,
            ),
            CLAIMS,
        )[1]
    )
    remedies = {check.id: check.remedy for check in checks.values()}
    assert remedies["image.os"] == "Fix image.os"
    assert "Free space on the host" in remedies["image.size"]
    # The remedy of a signature with another fault does not apply.
    assert "Check the host's network" in remedies["image.libc"]
    assert remedies["systemd.pid1"] == "Look at image.os first."
    assert remedies["dockerd.running"] == "Look at image.os first."
    assert "choose a profile without it" in remedies["dockerd.container"]
    assert remedies["dockerd.installed"].startswith("Run again")
    assert by_id(judge(PROFILE, case(), CLAIMS)[1])["image.os"].remedy == ""


def test_a_check_without_claim_is_called_by_its_id() -> None:
    verdict, checks = judge(PROFILE, case(image_os=found(FAILED)), {})
    assert checks[0].title == "image.os"
    assert texts(verdict) == [("image.os", "image.os: failed")]
