"""The dockerd checks: whose fault it is that no container runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from certify.suite.claims import CheckUnknown
from tests.support.checks import load_checks

LOST = 'error during connect: Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/wait": EOF'
KILLED = "docker.service: Main process exited, code=killed, status=9/KILL"
CHECKS = load_checks("test_dockerd")


class _Candidate:
    """A candidate in which a nested container fails, with an error and a journal of dockerd."""

    nonce = "word"

    def __init__(self, error: str, journal: str) -> None:
        self.error, self.journal = error, journal
        self.commands: list[str] = []
        self.transcript: list[object] = []

    def run(self, command: str, *_: Any, **__: Any) -> SimpleNamespace:
        self.commands.append(command)
        if command.startswith("journalctl"):
            return SimpleNamespace(rc=0, stdout=self.journal, stderr="")
        return SimpleNamespace(rc=125, stdout="", stderr=self.error)

    def fail_if_by_variable(self, *_: Any) -> None: ...


class _Nested:
    """A dockerd that loads images, and for whose settings no failure is."""

    PROBE = "certify-probe:all"

    def load_probe(self, _nonce: str) -> SimpleNamespace:
        return SimpleNamespace(rc=0)

    def fail_if_hindered(self, *_: Any) -> None: ...


@pytest.mark.parametrize(
    ("error", "journal", "expected"),
    [
        (LOST, KILLED, CheckUnknown),
        (LOST, "docker.service: Main process exited, code=exited, status=1", pytest.fail.Exception),
        ("runc: no such file or directory", KILLED, pytest.fail.Exception),
    ],
    ids=["killed meanwhile", "ended by itself", "killed another time"],
)
def test_only_a_dockerd_that_was_killed_meanwhile_leaves_the_question_open(
    error: str, journal: str, expected: type[BaseException]
) -> None:
    with pytest.raises(expected, match="no container can run in it"):
        CHECKS.test_container(_Candidate(error, journal), _Nested())


def test_the_last_words_of_a_failure_are_those_of_the_container() -> None:
    """So that they are shown, and the cause is looked for in them."""
    candidate = _Candidate("runc: no such file or directory", "")
    with pytest.raises(pytest.fail.Exception):
        CHECKS.test_container(candidate, _Nested())
    assert candidate.commands == ["docker run --rm certify-probe:all /say"]
