"""Several runs as one: what passed and failed is flaky, and the worst outcome counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certify.certification.observation import Observation
from certify.certification.repeats import observe_repeatedly
from certify.judge.profiles import load
from certify.judge.startup import Start
from certify.judge.verdict import judge
from certify.model.errors import ImageUnavailable
from certify.model.finding import Finding
from certify.model.host import Calibration, Host
from certify.model.result import Image
from certify.model.terms import Fault, Outcome, Status

PROFILE = load("plain")
PASSED, FAILED, SKIPPED, UNKNOWN = (
    Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNKNOWN,
)  # fmt: skip


def host(seconds: float) -> Host:
    speed = Calibration(create_seconds=seconds, start_seconds=0, remove_seconds=0)
    return Host(
        engine="docker", engine_version="1", kernel="6", cgroup_version="2", cpus=2,
        storage_driver="overlay2", architecture="x86_64", memory_bytes=1, calibration=speed,
    )  # fmt: skip


def run(outcome: Outcome, boot: float = 1.0, seconds: float = 0.2) -> Observation:
    """One run in which all checks of the profile passed, except packages.install."""
    said = {FAILED: "no tree", UNKNOWN: "who knows"}.get(outcome, "")
    because = "packages.refresh" if outcome is SKIPPED else None
    findings = {each: Finding(id=each, outcome=PASSED) for each in PROFILE.checks}
    findings["packages.install"] = Finding(
        id="packages.install", outcome=outcome, message=said, because=because
    )
    return Observation(
        Image(reference="a:1"), findings=findings, starts=[Start(boot_seconds=boot)],
        host=host(seconds),
    )  # fmt: skip


def observed(*runs: Observation) -> Observation:
    left: Iterator[Observation] = iter(runs)
    return observe_repeatedly(lambda: next(left), len(runs))


@pytest.mark.parametrize(
    ("outcomes", "counts", "flaky", "status"),
    [
        ([PASSED, PASSED], PASSED, False, Status.CERTIFIED),
        ([PASSED, FAILED, PASSED], FAILED, True, Status.REJECTED),
        ([FAILED, PASSED], FAILED, True, Status.REJECTED),
        ([FAILED, FAILED], FAILED, False, Status.REJECTED),
        ([PASSED, UNKNOWN], UNKNOWN, False, Status.INCONCLUSIVE),
        ([FAILED, UNKNOWN], FAILED, False, Status.REJECTED),
        ([PASSED, SKIPPED], SKIPPED, False, Status.INCONCLUSIVE),
    ],
)
def test_the_worst_outcome_counts(
    outcomes: list[Outcome], counts: Outcome, flaky: bool, status: Status
) -> None:
    whole = observed(*map(run, outcomes))
    verdict, checks = judge(PROFILE, whole.findings, {})
    (found,) = [each for each in checks if each.id == "packages.install"]
    assert (found.outcome, found.flaky, verdict.status) == (counts, flaky, status)
    if counts is FAILED and not flaky:
        assert found.message == f"no tree (in {outcomes.count(FAILED)} of {len(outcomes)} runs)"
    if flaky:
        passed = outcomes.count(PASSED)
        assert found.message.startswith(
            f"flaky: passed in {passed} of {len(outcomes)} runs; in run"
        )
        assert found.message.endswith(": no tree")


def test_on_a_slow_host_what_differs_is_unknown() -> None:
    whole = observed(run(PASSED), run(FAILED, seconds=5.0))
    verdict, checks = judge(PROFILE, whole.findings, {})
    (found,) = [each for each in checks if each.id == "packages.install"]
    assert (found.outcome, found.flaky) == (UNKNOWN, True)
    assert whole.findings["packages.install"].fault is Fault.HOST
    assert verdict.status is Status.INCONCLUSIVE


def test_all_starts_count_for_the_times() -> None:
    whole = observed(run(PASSED, 1.0), run(PASSED, 2.0), run(PASSED, 9.0))
    assert [each.boot_seconds for each in whole.starts] == [1.0, 2.0, 9.0]
    assert whole.facts["boot_seconds"] == 2.0


def test_trouble_ends_it() -> None:
    broken = run(PASSED)
    broken.trouble = ImageUnavailable("gone")
    assert observed(run(PASSED), broken, run(FAILED)).trouble is broken.trouble
    assert observed(broken, run(FAILED)) is broken


@pytest.mark.parametrize(
    ("outcomes", "times", "status", "message"),
    [
        ([PASSED], 1, Status.CERTIFIED, ""),
        ([FAILED, PASSED], 1, Status.REJECTED, "flaky: passed in 1 of 2 runs; in run 1: no tree"),
        ([FAILED, FAILED], 1, Status.REJECTED, "no tree (in 2 of 2 runs)"),
        ([FAILED, UNKNOWN], 1, Status.REJECTED, "no tree (in 1 of 2 runs)"),
        ([PASSED, FAILED], 2, Status.REJECTED, "flaky: passed in 1 of 2 runs; in run 2: no tree"),
    ],
)
def test_a_doubtful_run_is_confirmed_once(
    outcomes: list[Outcome], times: int, status: Status, message: str
) -> None:
    left: Iterator[Observation] = iter(list(map(run, outcomes)))

    def is_doubtful(observation: Observation) -> bool:
        return observation.findings["packages.install"].outcome is FAILED

    whole = observe_repeatedly(lambda: next(left), times, is_doubtful)
    verdict, _ = judge(PROFILE, whole.findings, {})
    assert (next(left, None), verdict.status) == (None, status)
    assert whole.findings["packages.install"].message == message


def test_trouble_is_not_confirmed() -> None:
    first = run(FAILED)
    first.trouble = ImageUnavailable("gone")
    assert observe_repeatedly(iter([first]).__next__, 1, lambda _: True) is first
