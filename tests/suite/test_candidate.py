"""The candidate of checks, without a container."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.container import Container
from certify.engine.session import KILLED, ShellResult
from certify.judge.control import Reach
from certify.model.errors import Trouble
from certify.model.result import Image
from certify.suite.candidate import Candidate
from certify.suite.claims import Blocked, CheckUnknown, Proven
from certify.suite.job import Job

DEBIAN = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
"""


def candidate_with(files: dict[str, bytes], facts: list[tuple[str, Any]]) -> Candidate:
    job = Job(
        container="c" * 64,
        image=Image(reference="x", platform="linux/arm/v7"),
        launch="idle",
        engine_platform="linux/amd64",
    )
    candidate = cast(Container, SimpleNamespace(read_file=files.get, pace=1.0))
    return Candidate(job, candidate, lambda name, value: facts.append((name, value)))


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


def test_usr_lib_is_read_if_etc_has_no_os_release() -> None:
    release = candidate_with({"/usr/lib/os-release": b"ID=fedora\n"}, []).os_release
    assert release == {"ID": "fedora"}


@pytest.mark.parametrize("files", [{}, {"/etc/os-release": b""}, {"/etc/os-release": b"NAME=x\n"}])
def test_an_os_release_without_an_id_is_no_fact(files: dict[str, bytes]) -> None:
    facts: list[tuple[str, Any]] = []
    release = candidate_with(files, facts).os_release
    assert not (release or {}).get("ID")
    assert facts == []


def test_the_name_of_an_image_is_made_safe_for_terminals() -> None:
    facts: list[tuple[str, Any]] = []
    hostile = b'ID=x\nPRETTY_NAME="\x1b[31mred\x1b[0m \xff"\n'
    assert candidate_with({"/etc/os-release": hostile}, facts).os_release
    assert facts[0][1]["pretty_name"] == "red \ufffd"


def test_a_check_defers_only_to_checks_of_the_run() -> None:
    candidate = candidate_with({}, [])
    candidate.job = candidate.job.model_copy(update={"checks": ("workspace.bash",)})
    candidate.defer_to("workspace.sudo", "nobody asks")
    with pytest.raises(Blocked, match="because of bash") as left:
        candidate.defer_to("workspace.bash", "because of bash")
    assert left.value.because == "workspace.bash"


class Ends:
    """A shell whose every command ends with the same code."""

    def __init__(self, code: int) -> None:
        self.code = code

    def run(self, command: str, **_options: object) -> ShellResult:
        return ShellResult(command, self.code, b"", b"", 0.1, timed_out=self.code == KILLED)


def candidate_over(shell: Ends) -> Candidate:
    candidate = candidate_with({}, [])
    candidate.container = cast(Container, SimpleNamespace(shell=lambda _user="": shell))
    return candidate


@pytest.mark.parametrize(("code", "lacks"), [(0, True), (1, False)])
def test_the_shell_tells_whether_a_capability_is_missing(code: int, lacks: bool) -> None:
    candidate = candidate_over(Ends(code))
    assert candidate.shipped_without("systemd") is candidate.is_missing("systemd") is lacks


@pytest.mark.parametrize("code", [2, KILLED, 139])
def test_a_shell_that_cannot_tell_leaves_the_check_unknown(code: int) -> None:
    candidate = candidate_over(Ends(code))
    for ask in (candidate.shipped_without, candidate.is_missing):
        with pytest.raises(CheckUnknown, match="could not tell whether systemd is missing"):
            ask("systemd")


@pytest.mark.parametrize(
    ("found", "own_works", "says"),
    [
        ("/opt/site/docker", True, "/opt/site/docker hides /usr/bin/docker, which works"),
        ("/opt/site/docker", False, ""),  # the distribution's own does no better
        ("/usr/bin/docker", True, ""),
    ],
)
def test_a_program_is_blamed_for_hiding_only_one_that_works(
    monkeypatch: pytest.MonkeyPatch, found: str, own_works: bool, says: str
) -> None:
    def run(command: str, *args: str) -> Any:
        rc = 0 if command.startswith("command") or {*args} == {"/usr/bin/docker", found} else 1
        return SimpleNamespace(rc=rc if found != "/usr/bin/docker" else 1, stdout=f"{found}\n")

    candidate = candidate_with({}, [])
    monkeypatch.setattr(candidate, "run", run)
    with contextlib.nullcontext() if not says else pytest.raises(Proven, match=says):
        candidate.fail_if_hidden("docker", lambda _path: own_works)


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ("", None),
        ("containerd.service masked enabled\n", "the image masks containerd.service"),
        ("docker.service masked -\ndocker.socket masked -\n", "docker.service, docker.socket"),
    ],
)
def test_masked_units_of_dockerd(
    monkeypatch: pytest.MonkeyPatch, listed: str, says: str | None
) -> None:
    candidate = candidate_with({}, [])
    monkeypatch.setattr(candidate, "run", lambda _command: SimpleNamespace(stdout=listed))
    found = candidate.masked_docker()
    assert (found is None) if says is None else (found and says in found[0])


SUPPORTED = {"/etc/os-release": b"ID=of-our-own\nSUPPORT_END=2199-01-01\n"}


@pytest.mark.parametrize("version", ["2.7", "99"])
def test_a_packaged_program_is_supported_as_long_as_its_distribution(version: str) -> None:
    candidate = candidate_with(SUPPORTED, [])
    note = candidate.require_support("python", "Python", version, packaged=True)
    assert note == "until 2199-01-01"


def test_any_other_program_is_supported_until_its_own_day() -> None:
    candidate = candidate_with(SUPPORTED, [])
    with pytest.raises(AssertionError, match=r"^support of 2.7.18 ended on 2020-01-01$"):
        candidate.require_support("python", "Python", "2.7.18", packaged=False)
    with pytest.raises(pytest.skip.Exception, match="a day on which Python 99 ends"):
        candidate.require_support("python", "Python", "99", packaged=False)


@pytest.mark.parametrize("checks", [("dockerd.running",), ("dockerd.installed",)])
def test_a_program_that_nobody_may_execute(
    monkeypatch: pytest.MonkeyPatch, checks: tuple[str, ...]
) -> None:
    candidate = candidate_with({}, [])
    candidate.job = candidate.job.model_copy(update={"checks": checks})
    found = SimpleNamespace(stdout="/usr/bin/dockerd\n")
    monkeypatch.setattr(candidate, "run", lambda _command: found)
    expected = Blocked if checks == ("dockerd.running",) else Proven
    with pytest.raises(expected, match="/usr/bin/dockerd is in the image, but not executable"):
        candidate.fail_if_not_executable("dockerd", reported_by="dockerd.running")


def test_a_bundle_without_certificates_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: str, *_args: str) -> Any:
        said = "/etc/ssl/cert.pem\n" if "ca_bundle ||" in command else ""
        return SimpleNamespace(stdout=said, rc=0)

    candidate = candidate_with({}, [])
    monkeypatch.setattr(candidate, "run", run)
    candidate.fail_if_unusable("git")
    with pytest.raises(Proven, match=r"/etc/ssl/cert\.pem, holds no certificate"):
        candidate.fail_if_unusable("download")


@pytest.mark.parametrize(
    ("output", "reach", "raised", "words"),
    [
        ("Retrieving repository [.", Reach.NO_ANSWER, Trouble, "a server did not answer: a.corp"),
        ("Retrieving repository [.", Reach.CONNECTS, CheckUnknown, "one of them may be slow"),
        ("Configure the keyboard?", Reach.NO_ANSWER, None, ""),
    ],
)
def test_a_server_is_asked_if_a_fetch_was_ended(
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    reach: Reach,
    raised: type[Exception] | None,
    words: str,
) -> None:
    candidate = candidate_with({}, [])
    candidate.control_results = lambda urls: dict.fromkeys(urls, reach)
    answer = SimpleNamespace(stdout="baseurl=http://a.corp/x\n", stderr="", rc=0)
    monkeypatch.setattr(candidate, "run", lambda *_, **__: answer)
    expected = pytest.raises(raised, match=words) if raised else contextlib.nullcontext()
    with expected:
        candidate.require_servers(output, 300)
