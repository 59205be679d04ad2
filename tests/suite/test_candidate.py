"""What checks are handed, without a container: os-release, and who answers for what."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.engine.container import Container
from certify.engine.session import KILLED, ShellResult
from certify.model.result import Image
from certify.suite.candidate import Candidate
from certify.suite.claims import Blocked, CheckUnknown
from certify.suite.job import Job
from certify.suite.os_release import parse_os_release

DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (DEBIAN, {
            "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)", "NAME": "Debian GNU/Linux",
            "VERSION_ID": "12", "ID": "debian",
        }),
        ("ID=a\n\n# a comment\n  NAME='Alpine Linux' \n", {"ID": "a", "NAME": "Alpine Linux"}),
        ('NAME="a \\"b\\" \\$c"\n', {"NAME": 'a "b" \\$c'}),
        ('ID="unclosed\n', {"ID": '"unclosed'}),
        ("ID=\nNAME=x=y\n", {"ID": "", "NAME": "x=y"}),
        ("no assignment\n=nothing\n", {"": "nothing"}),
        ("ID=a\nID=b\n", {"ID": "b"}),
    ],
)  # fmt: skip
def test_os_release(text: str, found: dict[str, str]) -> None:
    assert parse_os_release(text) == found


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Z_]+", fullmatch=True), st.text("ab \"'$#=ü")))
def test_what_was_quoted_comes_back(values: dict[str, str]) -> None:
    text = "\n".join(f"{key}={shlex.quote(value)}" for key, value in values.items())
    assert parse_os_release(text) == values


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_left(text: str) -> None:
    assert all("=" not in key for key in parse_os_release(text))


def candidate_with(files: dict[str, bytes], facts: list[tuple[str, Any]]) -> Candidate:
    job = Job(
        container="c" * 64,
        image=Image(reference="x", platform="linux/arm/v7"),
        launch="idle",
        engine_platform="linux/amd64",
    )
    candidate = cast(Container, SimpleNamespace(read_file=files.get, pace=1.0))
    return Candidate(job, candidate, [], lambda name, value: facts.append((name, value)))


def test_the_operating_system_is_a_fact() -> None:
    facts: list[tuple[str, Any]] = []
    release = candidate_with({"/etc/os-release": DEBIAN.encode()}, facts).os_release
    assert release is not None
    assert release["ID"] == "debian"
    assert facts == [
        ("os", {
            "id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12 (bookworm)",
        })
    ]  # fmt: skip


def test_the_distributions_own_file_is_read_where_etc_has_none() -> None:
    release = candidate_with({"/usr/lib/os-release": b"ID=fedora\n"}, []).os_release
    assert release == {"ID": "fedora"}


@pytest.mark.parametrize("files", [{}, {"/etc/os-release": b""}, {"/etc/os-release": b"NAME=x\n"}])
def test_without_an_id_there_is_no_such_fact(files: dict[str, bytes]) -> None:
    facts: list[tuple[str, Any]] = []
    release = candidate_with(files, facts).os_release
    assert not (release or {}).get("ID")
    assert facts == []


def test_what_an_image_calls_itself_cannot_speak_to_a_terminal() -> None:
    facts: list[tuple[str, Any]] = []
    hostile = b'ID=x\nPRETTY_NAME="\x1b[31mred\x1b[0m \xff"\n'
    assert candidate_with({"/etc/os-release": hostile}, facts).os_release
    assert facts[0][1]["pretty_name"] == "red \ufffd"


def test_the_architecture_is_the_images() -> None:
    assert candidate_with({}, []).architecture == "arm"


def test_a_failure_is_left_to_a_check_that_is_asked_and_to_no_other() -> None:
    candidate = candidate_with({}, [])
    candidate.job = candidate.job.model_copy(update={"only": ("workspace.bash",)})
    candidate.leave_to("workspace.sudo", "nobody asks")
    with pytest.raises(Blocked, match="because of bash") as left:
        candidate.leave_to("workspace.bash", "because of bash")
    assert left.value.because == "workspace.bash"


class Ends:
    """A shell whose every command ends with the same code, and says the same."""

    def __init__(self, code: int, said: bytes = b"") -> None:
        self.code = code
        self.said = said

    def run(self, command: str, **_options: object) -> ShellResult:
        return ShellResult(command, self.code, self.said, b"", 0.1, timed_out=self.code == KILLED)


def candidate_over(shell: Ends) -> Candidate:
    candidate = candidate_with({}, [])
    candidate.container = cast(Container, SimpleNamespace(shell=lambda _user="": shell))
    return candidate


@pytest.mark.parametrize(("code", "lacks"), [(0, True), (1, False)])
def test_what_is_lacking_is_what_the_shell_says(code: int, lacks: bool) -> None:
    candidate = candidate_over(Ends(code))
    assert candidate.lacking("systemd") is candidate.still_lacking("systemd") is lacks


@pytest.mark.parametrize("code", [2, KILLED, 139])
def test_what_could_not_be_told_is_neither_lacking_nor_there(code: int) -> None:
    candidate = candidate_over(Ends(code))
    for ask in (candidate.lacking, candidate.still_lacking):
        with pytest.raises(CheckUnknown, match="could not tell whether systemd is missing"):
            ask("systemd")


def test_a_package_manager_that_could_not_be_looked_for_is_looked_for_again() -> None:
    shell = Ends(KILLED)
    candidate = candidate_over(shell)
    with pytest.raises(CheckUnknown, match="could not tell which package manager"):
        assert candidate.family
    shell.code, shell.said = 0, b"apt\n"
    assert candidate.family
    assert candidate.family.name == "apt"
    assert candidate_over(Ends(0)).family is None


def test_a_condition_is_waited_for_and_given_up() -> None:
    candidate = candidate_with({}, [])
    answers = iter([False, False, True])
    assert candidate.wait_for(lambda: next(answers), seconds=60, pause=0)
    assert not candidate.wait_for(lambda: False, seconds=0, pause=0)
