"""The ways in which a container ends."""

from __future__ import annotations

import pytest

from certify.engine.container_state import ContainerState, StopResult, end_reason
from certify.engine.session import KILLED


@pytest.mark.parametrize(
    ("code", "oom_killed", "stopped", "killed", "reason"),
    [
        (0, False, False, False, "ended by itself with exit code 0"),
        (1, False, False, False, "ended by itself with exit code 1"),
        (KILLED, False, False, True, "was killed from outside"),
        (KILLED, True, False, True, "ran out of the memory that it was given"),
        (130, False, True, True, "was stopped from outside"),
    ],
)
def test_an_end(code: int, oom_killed: bool, stopped: bool, killed: bool, reason: str) -> None:
    state = ContainerState(False, code, oom_killed, stopped=stopped)
    assert state.killed is killed
    assert reason in end_reason(state)


def test_what_runs_was_not_killed_whatever_ended_it_before() -> None:
    assert not ContainerState(True, KILLED, oom_killed=False).killed


def test_a_stop_in_time_has_another_code_than_a_kill() -> None:
    assert StopResult(1.0, KILLED).killed
    assert not StopResult(1.0, 143).killed
