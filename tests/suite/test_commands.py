"""Commands of checks, run by this machine's own shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from certify.engine.container import Container
from certify.engine.session import ShellResult
from certify.model.result import Image
from certify.suite import commands
from certify.suite.claims import CheckUnknown, Proven
from certify.suite.commands import Commands
from certify.suite.job import Job


class LocalShell:
    """A shell here, in a home of its own, in place of one in a container."""

    def __init__(self, home: Path) -> None:
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
        self.allowed: list[float] = []

    def run(self, command: str, *, timeout: float) -> ShellResult:
        self.allowed.append(timeout)
        ended = subprocess.run(
            ["/bin/sh", "-c", command], env=self.environment, capture_output=True, check=False
        )
        return ShellResult(command, ended.returncode, ended.stdout, ended.stderr, 0.1)


@pytest.fixture
def candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(commands, "STATE_FOLDER", str(tmp_path))
    image = Image(reference="x", platform="linux/amd64")
    job = Job(container="c" * 64, image=image, launch="idle", engine_platform="linux/amd64")
    shells = {user: LocalShell(tmp_path) for user in ("", "ana")}
    container = SimpleNamespace(pace=1.0, shell=shells.__getitem__)
    return Commands(job, cast(Container, container), lambda _name, _value: None)


def test_a_command_is_evidence_whoever_runs_it(candidate: Commands) -> None:
    assert candidate.run("printf %s", "a 'b' $c", timeout=9).stdout == "a 'b' $c"
    assert candidate.host_as("ana").run("exit 3").rc == 3
    assert [(each.command, each.rc) for each in candidate.transcript] == [
        ("printf 'a '\"'\"'b'\"'\"' $c'", 0), ("exit 3", 3),
    ]  # fmt: skip
    assert cast(LocalShell, candidate.container.shell("")).allowed == [9]
    assert candidate.host is candidate.host_as("") is not candidate.host_as("ana")


@pytest.mark.parametrize(("program", "found"), [("sh", True), ("cd", True), ("not there", False)])
def test_a_program_is_on_the_path_or_a_builtin(
    candidate: Commands, program: str, found: bool
) -> None:
    assert candidate.has(program) is found


def test_a_program_that_login_shells_alone_find_is_not_on_the_images_path(
    candidate: Commands, tmp_path: Path
) -> None:
    manager = tmp_path / "manager"
    manager.mkdir()
    (manager / "tool").touch(mode=0o755)
    (tmp_path / ".bash_profile").write_text(f"echo welcome\nPATH=$PATH:{manager}\nalias other=ls\n")
    candidate.require_on_path("sh", "nobody-has-it", "other")
    with pytest.raises(Proven, match=f"^{manager}/tool is not on the image's PATH") as proven:
        candidate.require_on_path("nobody-has-it", "tool")
    assert f"Add {manager} to ENV PATH" in proven.value.remedy
    shell = cast(LocalShell, candidate.container.shell(""))
    shell.environment["PATH"] += f":{manager}"
    candidate.require_on_path("tool")


def test_a_process_is_known_by_its_name(candidate: Commands) -> None:
    name = Path("/proc/self/comm").read_text("utf-8").strip()
    assert candidate.has_process(name)
    assert not candidate.has_process(f"{name[:5]}*")
    assert not candidate.has_process("none-has-it")


def test_a_program_of_certifys_own_is_written_whole_and_runs(candidate: Commands) -> None:
    program = b"#!/bin/sh\necho \"$0\" '%s\\n' \xff\0\n"
    path = Path(candidate.add_program("probe", program))
    assert path.read_bytes() == program
    assert os.access(path, os.X_OK)
    assert [each.command for each in candidate.transcript] == [f"(certify's own program) >{path}"]


def test_a_program_that_cannot_be_written_leaves_the_check_unknown(
    candidate: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "STATE_FOLDER", "/proc/nowhere")
    with pytest.raises(
        CheckUnknown, match=r"could not be written to /proc/nowhere/probe: .*nowhere"
    ):
        candidate.add_program("probe", b"x")


def test_a_server_has_its_answer_in_it(candidate: Commands) -> None:
    written = Path(candidate.add_server("server", "a word of its own")).read_bytes()
    assert written.startswith(b"\x7fELF") and b"a word of its own" in written
    assert commands.PROBE_PORT.to_bytes(2, "big") in written


@pytest.mark.parametrize(("code", "user"), [(0, "nobody"), (1, "65534")])
def test_nobody_is_a_number_where_the_image_has_no_such_user(
    candidate: Commands, monkeypatch: pytest.MonkeyPatch, code: int, user: str
) -> None:
    monkeypatch.setattr(candidate, "run", lambda _command: SimpleNamespace(rc=code))
    assert candidate.nobody == user
