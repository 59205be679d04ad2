"""Docker inside the candidate: the commands that are run for it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.suite.candidate import Candidate
from certify.suite.nested import Nested


class FakeCandidate:
    """A candidate that remembers its commands."""

    architecture = "amd64"
    stdout = ""
    gateway: str | None = "172.17.0.1"
    nonce = "n"

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.commands: list[str] = []
        self.shown: list[str] = []

    def run(self, command: str, *args: str, timeout: float = 60, shown: str = "") -> Any:
        self.commands.append(command % args if args else command)
        self.shown.append(shown)
        return SimpleNamespace(rc=self.code, stdout=self.stdout)

    def add_program(self, name: str, program: bytes) -> str:
        assert program.startswith(b"\x7fELF")
        return f"/run/certify/{name}"


def nested(candidate: FakeCandidate) -> Nested:
    return Nested(cast(Candidate, candidate))


def test_docker_is_the_candidates_own() -> None:
    candidate = FakeCandidate()
    nested(candidate).docker("rm -f %s", "x")
    nested(candidate).fetch(80)
    assert candidate.commands == ["docker rm -f x", "/run/certify/fetch"]


@pytest.mark.parametrize(
    ("code", "stdout", "version"),
    [
        (0, "20.10\n", "20.10"),
        (0, "Managed by IT.\n20.10\n", "20.10"),
        (1, "20.10\n", ""),
        (0, "", ""),
    ],
)
def test_the_daemon_is_up_if_it_replies_with_its_version(
    code: int, stdout: str, version: str
) -> None:
    candidate = FakeCandidate(code)
    candidate.stdout = stdout
    assert nested(candidate).version() == version
    assert nested(candidate).is_up() is bool(version)


def test_images_are_made_of_certifys_own_programs_which_no_evidence_shows() -> None:
    candidate = FakeCandidate()
    nested(candidate).load_say("a word")
    nested(candidate).load_serve("a word")
    assert [each.rpartition(" ")[2] for each in candidate.commands] == [
        "certify-probe:say", "certify-probe:serve",
    ]  # fmt: skip
    assert all(
        each.startswith("(certify's own program) | docker import") for each in candidate.shown
    )


@pytest.mark.parametrize("gateway", ["172.17.0.1", None])
def test_one_image_holds_all_programs_and_is_made_once(gateway: str | None) -> None:
    candidate = FakeCandidate()
    candidate.gateway = gateway
    docker = nested(candidate)
    assert docker.is_loaded and docker.is_loaded
    (command,) = candidate.commands
    assert command.endswith(f"| docker import - {docker.PROBE}")
    assert ("connect" in command) is (gateway is not None)
    assert "say" in command and "serve" in command
    docker.load_probe("another word")
    assert len(candidate.commands) == 2


def test_an_image_that_cannot_be_made_is_tried_again() -> None:
    candidate = FakeCandidate(code=1)
    docker = nested(candidate)
    assert not docker.is_loaded
    assert docker.port_problem() == "an image cannot be loaded into dockerd"
    candidate.code = 0
    assert docker.is_loaded


def test_the_image_is_made_again_for_a_dockerd_that_was_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    candidate = FakeCandidate()
    docker = nested(candidate)
    loads: list[int] = []

    def restarts(_daemon: object, _problem: str, works: Callable[[], bool], _said: str) -> None:
        assert works()
        loads.append(len(candidate.commands))

    monkeypatch.setattr("certify.suite.nested.OwnDaemon.fail_if_hindered", restarts)
    assert docker.is_loaded
    docker.fail_if_hindered("no", lambda: docker.is_loaded)
    assert loads == [2]  # by the trial
    assert docker.is_loaded and len(candidate.commands) == 3


def test_the_storage_driver_is_kept_before_dockerd_is_restarted() -> None:
    candidate = FakeCandidate()
    candidate.stdout = "overlay2"
    docker = nested(candidate)
    assert docker.storage_driver() == "overlay2" and docker.first_driver == ""
    docker._keep_driver()
    candidate.stdout = ""
    docker._keep_driver()
    assert docker.first_driver == "overlay2"


API = 'time="2026-01-01T00:00:00Z" level=info msg="API listen on {}"\n'
ACTIVE = "ActiveState=active\n\nActiveState=active\nListen={} (Stream)\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (ACTIVE.format("/run/docker.sock") + API.format("/run/docker.sock"), ""),
        (ACTIVE.format("/run/docker.sock"), ""),  # still starting
        (ACTIVE.format("/run/docker.sock") + API.format("127.0.0.1:2375"), "listens at 127.0.0.1"),
        (ACTIVE.format("/run/docker.sock") + API.format("[::]:2375")
         + API.format("/var/run/docker.sock"), ""),
        (ACTIVE.format("/srv/x.sock") + API.format("/srv/x.sock"), "docker.socket listens at /srv"),
        ("ActiveState=failed\n" + API.format("127.0.0.1:2375"), ""),
    ],
)  # fmt: skip
def test_a_daemon_that_listens_elsewhere(said: str, reason: str) -> None:
    candidate = FakeCandidate()
    candidate.stdout = said
    found, remedy = nested(candidate).daemon_elsewhere()
    assert reason in found and bool(found) is bool(remedy) is bool(reason)


STARTS = "NRestarts={}\nExecStart={{ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd{} ; }}\n"
TOLD = " -H fd:// --containerd=/run/containerd/containerd.sock"
UNITS = STARTS + "ActiveState={}\n\nLoadState={}\nActiveState={}\n"


@pytest.mark.parametrize(
    ("units", "waited", "lacks"),
    [
        (UNITS.format(1, TOLD, "activating", "masked", "inactive"), False, True),
        (UNITS.format(2, TOLD, "activating", "loaded", "activating"), False, True),  # crash loop
        (UNITS.format(0, TOLD, "failed", "loaded", "failed"), False, True),
        (UNITS.format(0, TOLD, "activating", "masked", "inactive"), False, False),  # still waits
        (UNITS.format(0, TOLD, "activating", "masked", "inactive"), True, True),
        (UNITS.format(0, TOLD, "inactive", "loaded", "inactive"), True, False),  # not begun yet
        (UNITS.format(1, TOLD, "active", "masked", "inactive"), True, False),
        (UNITS.format(1, TOLD, "activating", "loaded", "active"), True, False),
        (UNITS.format(1, "", "activating", "masked", "inactive"), True, False),  # one of its own
        (UNITS.format(1, TOLD, "activating", "not-found", "inactive"), True, False),
    ],
)
def test_a_containerd_that_dockerd_waits_for_in_vain(units: str, waited: bool, lacks: bool) -> None:
    candidate = FakeCandidate()
    candidate.stdout = units
    assert nested(candidate).lacks_containerd(waited=waited) is lacks


class Scripted(FakeCandidate):
    """A candidate whose commands end as a script says: exit codes by how a command begins."""

    def __init__(self, ends: dict[str, int], stdout: str = "") -> None:
        super().__init__()
        self.ends, self.stdout = ends, stdout

    def run(self, command: str, *args: str, timeout: float = 60, shown: str = "") -> Any:
        answer = super().run(command, *args, timeout=timeout, shown=shown)
        answer.rc = next((rc for begins, rc in self.ends.items() if command.startswith(begins)), 0)
        return answer

    def wait_for(self, condition: Callable[[], bool], **_limits: float) -> bool:
        return condition()


@pytest.mark.parametrize(
    ("own", "theirs", "reaches"),
    [(145, 145, True), (0, 145, True), (145, 146, False), (145, 125, False), (146, 146, None),
     (155, 145, None)],
)  # fmt: skip
def test_a_nested_container_has_to_get_the_reply_that_the_candidate_gets(
    own: int, theirs: int, reaches: bool | None
) -> None:
    candidate = Scripted({"/run/certify/connect": own, "docker run": theirs})
    assert nested(candidate).reaches("172.17.0.1") is reaches


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ((7, 1), (9, 1), True),
        ((7, 1), (7, 3), False),
        ((7, 1), (7, 2), True),
        ((7, 1), (7, 1), True),
        (("", ""),) * 2 + (0,),
    ],
)
def test_a_refusal_of_the_candidate_itself_is_told_from_one_of_the_gateway(
    before: tuple[object, ...], after: tuple[object, ...], refused: bool
) -> None:
    candidate = Scripted({"/run/certify/connect": 145, "docker run": 145})
    counters = iter((before, after))
    run = candidate.run

    def counting(command: str, *args: str, **limits: Any) -> Any:
        answer = run(command, *args, **limits)
        if command == "cat /proc/net/snmp":
            unreachable, forwarded = next(counters)
            answer.stdout = f"Icmp: OutDestUnreachs\nIcmp: {unreachable}\n"
            answer.stdout += f"Ip: ForwDatagrams\nIp: {forwarded}\n"
        return answer

    candidate.run = counting  # type: ignore[method-assign]
    connected = nested(candidate)
    assert connected.reaches("172.17.0.1") is True
    assert connected.refused_here is bool(refused)


@pytest.mark.parametrize(
    ("ends", "stdout", "problem"),
    [
        ({}, "127.0.0.1:32768", ""),
        ({"docker run": 125}, "127.0.0.1:32768", "a container with a published port cannot be"),
        ({}, "", "dockerd does not say which port"),
        ({}, "other:32768", "nothing answers on a nested container's published port"),
    ],
)
def test_a_published_port_answers_or_says_why_not(
    ends: dict[str, int], stdout: str, problem: str
) -> None:
    candidate = Scripted(ends, stdout)
    docker = nested(candidate)
    docker.load_probe("127.0.0.1" if not problem.startswith("nothing") else "a word")
    found = docker.port_problem()
    assert found.startswith(problem) and bool(found) is bool(problem)
    assert candidate.commands[-1] == "docker rm -f certify-n"
