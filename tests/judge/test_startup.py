"""Startup times against budgets, on ordinary and on slow hosts."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.startup import (
    SLOW_SECONDS,
    Start,
    corrected_skips,
    excuse_slow_host,
    is_emulated,
    is_slow,
    judge_starts,
    measured,
    medians,
    over_budget,
    pace,
)
from certify.model.finding import Finding
from certify.model.host import Calibration
from certify.model.terms import Fault, Outcome

FAST = Calibration(create_seconds=0.01, start_seconds=0.22, remove_seconds=0.01)
BARELY = Calibration(create_seconds=0.0, start_seconds=SLOW_SECONDS, remove_seconds=0.0)
BUSY = Calibration(create_seconds=0.1, start_seconds=0.8, remove_seconds=0.1)
SLOW = Calibration(create_seconds=0.3, start_seconds=2.5, remove_seconds=0.2)
BUDGETS = {"boot": 15.0, "dockerd": 20.0, "provision": 300.0, "shutdown": 10.0}
LATE = Finding(
    id="startup.boot",
    outcome=Outcome.FAILED,
    message="the boot took 31.2 s, more than 15 s",
    fault=Fault.IMAGE,
)
PASSED = Finding(id="startup.boot", outcome=Outcome.PASSED, message="0.80 s")


def boots(*seconds: float | None, **more: Any) -> list[Start]:
    return [Start(boot_seconds=each, **more) for each in seconds]


@pytest.mark.parametrize(("host", "slow"), [(FAST, False), (BARELY, False), (SLOW, True)])
def test_a_slow_host(host: Calibration, slow: bool) -> None:
    assert is_slow(host) is slow


@pytest.mark.parametrize(
    ("calibration", "emulated", "outcome", "words"),
    [
        (FAST, False, Outcome.FAILED, ()),
        (BARELY, False, Outcome.UNKNOWN, ("host is busy", "took 2.0 s", "at most 0.5 s")),
        (BUSY, False, Outcome.FAILED, ()),
        (SLOW, False, Outcome.UNKNOWN, ("host is slow", "took 3.0 s", "at most 2 s")),
        (None, False, Outcome.UNKNOWN, ("could not be measured",)),
        (FAST, True, Outcome.UNKNOWN, ("emulates",)),
        (None, True, Outcome.UNKNOWN, ("emulates",)),
    ],
)
def test_over_budget_counts_only_where_budgets_hold(
    calibration: Calibration | None, emulated: bool, outcome: Outcome, words: tuple[str, ...]
) -> None:
    found = excuse_slow_host(LATE, 31.2, 15, calibration, emulated=emulated)
    assert found.outcome is outcome
    assert found.message.startswith(LATE.message)
    assert all(word in found.message for word in words)
    assert found.fault is (Fault.IMAGE if outcome is Outcome.FAILED else Fault.HOST)
    assert (found == LATE) is (outcome is Outcome.FAILED)


@given(
    outcome=st.sampled_from(Outcome),
    seconds=st.floats(0, 100),
    calibration=st.sampled_from([FAST, BUSY, SLOW, None]),
    emulated=st.booleans(),
)
def test_a_slow_host_never_makes_a_failure_or_a_pass(
    outcome: Outcome, seconds: float, calibration: Calibration | None, emulated: bool
) -> None:
    finding = LATE.model_copy(update={"outcome": outcome})
    found = excuse_slow_host(finding, seconds, 15, calibration, emulated=emulated)
    if outcome is not Outcome.FAILED or seconds <= 15:
        assert found == finding
    assert found.outcome in (outcome, Outcome.UNKNOWN)


def test_the_skips_that_follow_are_corrected() -> None:
    def skipped(check: str, because: str) -> Finding:
        message = f"needs {because}, which failed: too late"
        return Finding(id=check, outcome=Outcome.SKIPPED, message=message, because=because)

    ours, other = skipped("systemd.units", "systemd.state"), skipped("x.y", "image.shell")
    found = corrected_skips({each.id: each for each in (ours, other, LATE)}, "systemd.state")
    assert set(found) == {"systemd.units"}
    assert found["systemd.units"].message == (
        "needs systemd.state, which could not be answered: too late"
    )


@pytest.mark.parametrize(
    ("check", "facts", "over"),
    [
        ("startup.boot", {"boot_seconds": 31.2}, (31.2, 15)),
        ("startup.boot", {"boot_seconds": 15.0}, None),
        ("startup.boot", {}, None),
        ("startup.dockerd", {"dockerd_seconds": 20.1}, (20.1, 20)),
        ("startup.provision", {"provision_seconds": 301.0}, (301, 300)),
        ("startup.provision", {"waited_in_vain": {"seconds": 600.0, "budget": "provision"}},
         (600, 300)),
        ("systemd.shutdown", {"shutdown_seconds": 30.0}, (30, 10)),
        ("systemd.shutdown", {"shutdown_seconds": 2.0}, None),  # ended wrongly, but in time
        ("systemd.state", {"waited_in_vain": {"seconds": 60.0, "budget": "boot"}}, (60, 15)),
        ("systemd.pid1", {"waited_in_vain": {"seconds": 600.0, "budget": "provision"}},
         (600, 300)),
        ("systemd.state", {"boot_seconds": 31.2}, None),
        # Every later check of a candidate that did not come up may fail for the same reason.
        ("dockerd.container", {"waited_in_vain": {"seconds": 60.0, "budget": "boot"}}, (60, 15)),
        ("dockerd.container", {"boot_seconds": 0.8}, None),
        ("image.os", {"waited_in_vain": {"seconds": 60.0, "budget": "boot"}}, None),
    ],
)  # fmt: skip
def test_failures_that_may_be_due_to_slowness(
    check: str, facts: dict[str, Any], over: tuple[float, float] | None
) -> None:
    finding = LATE.model_copy(update={"id": check})
    assert over_budget(finding, facts, [], BUDGETS) == over
    for other in (
        finding.model_copy(update={"outcome": Outcome.PASSED}),
        finding.model_copy(update={"outcome": Outcome.UNKNOWN}),
        finding.model_copy(update={"fault": Fault.NETWORK}),
    ):
        assert over_budget(other, facts, [], BUDGETS) is None


@pytest.mark.parametrize(
    ("found", "over"),
    [
        ({"waited": 30.0}, (30, 0)),
        ({"waited": 30.0, "message": "it timed out"}, (30, 0)),
        ({"evidence": "containerd: context deadline exceeded", "seconds": 12.5}, (12.5, 0)),
        ({"evidence": "docker.service: start operation timed out.", "seconds": 9.0}, (9, 0)),
        ({"evidence": "Failed with result 'timeout'", "seconds": 9.0}, (9, 0)),
        ({"evidence": "TimeoutStartUSec=1min 30s", "seconds": 9.0}, None),
        ({"evidence": "exit status 1", "seconds": 40.0}, None),
    ],
)
def test_a_wait_that_was_given_up_may_be_due_to_slowness(
    found: dict[str, Any], over: tuple[float, float] | None
) -> None:
    finding = Finding(id="dockerd.running", outcome=Outcome.FAILED, fault=Fault.IMAGE, **found)
    assert over_budget(finding, {}, [], BUDGETS) == over
    passed = finding.model_copy(update={"outcome": Outcome.PASSED, "fault": None})
    assert over_budget(passed, {}, [], BUDGETS) is None


@pytest.mark.parametrize(
    ("calibration", "emulated", "times"),
    [(FAST, False, 1), (None, False, 1), (BARELY, False, 4), (SLOW, False, 6), (FAST, True, 10)],
)
def test_waits_are_longer_on_slow_hosts(
    calibration: Calibration | None, emulated: bool, times: float
) -> None:
    assert pace(calibration, emulated=emulated) == times


@given(st.floats(0, 1e6))
def test_no_wait_becomes_shorter_or_endless(seconds: float) -> None:
    host = Calibration(create_seconds=0, start_seconds=seconds, remove_seconds=0)
    assert 1 <= pace(host) <= 10


def test_a_later_launch_that_was_given_up_is_over_budget_too() -> None:
    starts = [*boots(0.8), Start(waited_seconds=60, failure="it did not come up")]
    assert over_budget(LATE, {"boot_seconds": 0.8}, starts, BUDGETS) == (60, 15)
    starts[1] = Start(failure="the container ended by itself with exit code 1")
    assert over_budget(LATE, {"boot_seconds": 0.8}, starts, BUDGETS) is None


# Several launches


def test_one_launch_is_judged_as_the_check_did() -> None:
    assert judge_starts({"startup.boot": LATE}, boots(31.2), BUDGETS) == {}
    assert judge_starts({"startup.boot": LATE}, [], BUDGETS) == {}


@pytest.mark.parametrize(
    ("seconds", "outcome", "message"),
    [
        ((0.8, 0.7, 1.1), Outcome.PASSED, "0.80 s (median of 3, 0.70–1.10)"),
        ((31.2, 0.7, 1.1), Outcome.PASSED, "1.10 s (median of 3, 0.70–31.20)"),
        ((0.8, 16.0, 31.2), Outcome.FAILED,
         "the boot took 16.0 s (median of 3, 0.80–31.20), more than 15 s"),
        ((14.0, 16.0), Outcome.PASSED, "15.00 s (median of 2, 14.00–16.00)"),
    ],
)  # fmt: skip
def test_the_median_is_compared_with_the_budget(
    seconds: tuple[float, ...], outcome: Outcome, message: str
) -> None:
    for before in (LATE, PASSED):
        found = judge_starts({"startup.boot": before}, boots(*seconds), BUDGETS)["startup.boot"]
        assert (found.outcome, found.message) == (outcome, message)
        assert found.fault is (Fault.IMAGE if outcome is Outcome.FAILED else None)


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.UNKNOWN])
def test_an_unanswered_check_stays_so(outcome: Outcome) -> None:
    finding = PASSED.model_copy(update={"outcome": outcome})
    assert judge_starts({"startup.boot": finding}, boots(0.8, 0.8), BUDGETS) == {}


def test_an_image_that_does_not_come_up_every_time_fails() -> None:
    starts = [*boots(0.8, 0.7), Start(failure="the container ended by itself", evidence="log")]
    found = judge_starts({"startup.boot": PASSED}, starts, BUDGETS)["startup.boot"]
    assert (found.outcome, found.fault, found.evidence) == (Outcome.FAILED, Fault.IMAGE, "log")
    assert found.message == (
        "it came up in 2 of 3 launches only: in launch 3 the container ended by itself"
    )


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.IMAGE])
def test_a_launch_that_failed_by_another_fault_leaves_it_open(fault: Fault) -> None:
    starts = [*boots(0.8), Start(failure="installing failed", fault=fault)]
    found = judge_starts({"startup.boot": PASSED}, starts, BUDGETS)["startup.boot"]
    assert (found.outcome, found.fault) == (Outcome.UNKNOWN, fault)
    starts.append(Start(failure="the container ended by itself"))
    found = judge_starts({"startup.boot": PASSED}, starts, BUDGETS)["startup.boot"]
    assert (found.outcome, found.fault) == (Outcome.FAILED, Fault.IMAGE)
    assert "in launch 3" in found.message


def test_dockerd_is_judged_separately_from_the_boot() -> None:
    dockerd = PASSED.model_copy(update={"id": "startup.dockerd"})
    findings = {each.id: each for each in (PASSED, dockerd)}
    late = Start(boot_seconds=0.8, failure="dockerd did not become ready", waited_seconds=40)
    starts = [Start(boot_seconds=0.8, dockerd_seconds=0.9), late]
    judged = judge_starts(findings, starts, BUDGETS)
    assert judged["startup.boot"].outcome is Outcome.PASSED
    assert judged["startup.dockerd"].outcome is Outcome.FAILED
    starts[1] = Start(failure="the container ended by itself")
    judged = judge_starts(findings, starts, BUDGETS)
    assert judged["startup.boot"].outcome is Outcome.FAILED
    assert judged["startup.dockerd"].outcome is Outcome.PASSED


def test_installing_at_launch_is_judged_by_its_median_too() -> None:
    provision = LATE.model_copy(
        update={"id": "startup.provision", "message": "installing sudo took 301 s"}
    )
    starts = [Start(boot_seconds=0.8, provision_seconds=each) for each in (301.0, 12.0, 14.0)]
    assert medians(starts) == {"boot_seconds": 0.8, "provision_seconds": 14.0}
    assert measured(starts, "provision") == (301, 12, 14)
    (found,) = judge_starts({provision.id: provision}, starts, BUDGETS).values()
    assert (found.outcome, found.fault) == (Outcome.PASSED, None)
    assert found.message == "14.00 s (median of 3, 12.00–301.00)"
    starts = [Start(boot_seconds=0.8, provision_seconds=each) for each in (12.0, 302.0, 301.0)]
    passed = PASSED.model_copy(update={"id": "startup.provision"})
    (found,) = judge_starts({passed.id: passed}, starts, BUDGETS).values()
    assert (found.outcome, found.fault) == (Outcome.FAILED, Fault.IMAGE)
    assert found.message.startswith("installing at launch took 301.0 s (median of 3, ")


def test_a_failed_installation_is_not_excused_by_later_ones() -> None:
    broken = LATE.model_copy(
        update={"id": "startup.provision", "message": "installing sudo at launch failed"}
    )
    starts = [Start(boot_seconds=0.8), Start(boot_seconds=0.8, provision_seconds=12.0)]
    assert judge_starts({broken.id: broken}, starts, BUDGETS) == {broken.id: broken}
    starts[1] = Start(failure="installing what the image lacks failed", fault=Fault.NETWORK)
    findings = {each.id: each for each in (PASSED, broken)}
    judged = judge_starts(findings, starts, BUDGETS)
    assert judged["startup.boot"].outcome is Outcome.UNKNOWN
    assert judged[broken.id] == broken


def test_without_an_installation_there_is_nothing_to_judge() -> None:
    passed = PASSED.model_copy(
        update={"id": "startup.provision", "message": "nothing had to be installed"}
    )
    assert judge_starts({passed.id: passed}, boots(0.8, 0.9), BUDGETS) == {passed.id: passed}


@given(st.lists(st.floats(0.001, 1000), min_size=2, max_size=9))
def test_the_median_alone_decides(seconds: list[float]) -> None:
    starts = boots(*seconds)
    found = judge_starts({"startup.boot": PASSED}, starts, BUDGETS)["startup.boot"]
    assert (found.outcome is Outcome.PASSED) is (median(seconds) <= 15)
    assert medians(starts) == {"boot_seconds": round(median(seconds), 3)}
    assert measured(starts, "boot") == tuple(seconds)


@pytest.mark.parametrize(
    ("host", "image", "emulated"),
    [
        ("linux/amd64", "linux/amd64", False),
        ("linux/amd64", "linux/386", False),
        ("linux/amd64", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", False),
        ("linux/arm64", "linux/arm/v7", False),
        ("linux/arm", "linux/arm64", True),
        ("linux/386", "linux/amd64", True),
        ("linux/amd64", None, False),
    ],
)
def test_emulation(host: str, image: str | None, emulated: bool) -> None:
    assert is_emulated(host, image) is emulated
