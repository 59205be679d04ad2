"""The life of a candidate, without a container."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.container import Container
from certify.engine.session import KILLED, ShellResult
from certify.model.result import Image
from certify.suite.claims import CheckUnknown
from certify.suite.job import Job
from certify.suite.lifecycle import Lifecycle


class FakeShell:
    """A shell whose every command ends with the same code and output."""

    def __init__(self, code: int, output: bytes = b"") -> None:
        self.code = code
        self.output = output

    def run(self, command: str, **_options: object) -> ShellResult:
        return ShellResult(command, self.code, self.output, b"", 0.1)


def candidate(shell: FakeShell | None = None, **fields: Any) -> Lifecycle:
    image = Image(reference="x", platform="linux/arm/v7")
    job = Job(container="c", image=image, launch="idle", engine_platform="linux/amd64", **fields)
    container = SimpleNamespace(pace=1.0, shell=lambda _user="": shell)
    return Lifecycle(job, cast(Container, container), lambda _name, _value: None)


def test_architecture_and_platform() -> None:
    assert candidate().architecture == "arm"
    assert candidate().is_foreign
    assert candidate().expected_platform == candidate().engine_platform == "linux/amd64"
    assert candidate(requested_platform="linux/arm").expected_platform == "linux/arm"


def test_budgets_have_defaults() -> None:
    assert candidate().budgets.boot == 15
    assert candidate(budgets={"boot": 3}).budgets.boot == 3


def test_a_package_manager_that_was_not_found_out_is_looked_for_again() -> None:
    shell = FakeShell(KILLED)
    again = candidate(shell)
    with pytest.raises(CheckUnknown, match="could not tell which package manager"):
        assert again.package_manager
    shell.code, shell.output = 0, b"apt\n"
    assert again.package_manager
    assert again.package_manager.name == "apt"


def test_an_unknown_package_manager_is_none() -> None:
    assert candidate(FakeShell(0)).package_manager is None


def test_a_wait_ends_with_its_condition_or_its_time() -> None:
    waiting = candidate()
    results = iter([False, False, True])
    assert waiting.wait_for(lambda: next(results), seconds=60, pause=0)
    assert waiting.longest_wait == 0
    assert not waiting.wait_for(lambda: False, seconds=0.01, pause=0)
    assert waiting.longest_wait == 0.01
