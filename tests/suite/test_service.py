"""The image as a service in the dockerd of a base, which is imagined here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.suite.candidate import Candidate
from certify.suite.rights import RIGHTS
from certify.suite.service import NAME, Service

STARTED = "2026-11-01T12:00:00.123456789Z"
NOW = "1793534404.5"
"""The clock of the base: a bit more than four seconds later."""
RUNS = {"Running": True, "Pid": 7, "StartedAt": STARTED}
ENDED = {"Running": False, "Pid": 0, "ExitCode": 3, "StartedAt": STARTED}


class Base:
    """A base whose dockerd has a container in a state that depends on its Compose file."""

    engine_platform = "linux/amd64"

    def __init__(
        self, state: Callable[[Mapping[str, Any]], Mapping[str, Any]], **configuration: object
    ) -> None:
        self.state, self.commands = state, list[str]()
        self.file: dict[str, Any] = {}
        self.budgets = SimpleNamespace(ready=30.0)
        self.image = SimpleNamespace(image_id="sha256:1", reference="app")
        self.job = SimpleNamespace(env={"PASSWORD": "x"}, runs=3)
        engine = SimpleNamespace(image_configuration=lambda _image: configuration)
        self.container = SimpleNamespace(pace=1.0, engine=engine)
        self.transcript = [""]
        self.listens = self.refuses = False
        self.table = ""

    def run(self, command: str, *args: str, timeout: float = 60, shown: str = "") -> Any:
        self.commands.append(shown or command)
        output, code, error = "", 0, ""
        if "up -d" in command:
            self.file = json.loads(args[0])["services"][NAME]
            code, error = (1, "first\nno such network") if self.refuses else (0, "")
        elif command.startswith("docker inspect"):
            self.transcript.append("")
            output = json.dumps([{"State": self.state(self.file), "Id": "c"}])
        elif command.startswith("cat /proc/"):
            self.transcript.append("")
            output = self.table
        elif command.startswith("date"):
            output = NOW
        elif command.startswith("docker logs"):
            output = "starting\nno right to do so\n"
        elif command.startswith("docker diff"):
            output = "C /etc\nA /etc/new\nC /run\nD /tmp/x\nC /var/lib/a\n"
        elif command == "connect":
            code = 0 if self.listens else 1
        elif "docker cp" in command:
            code = 1
        return SimpleNamespace(rc=code, stdout=output, stderr=error)

    def add_program(self, name: str, _program: bytes) -> str:
        return name

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, pause: float) -> bool:
        return condition()


def service(base: Base) -> Service:
    return Service(cast(Candidate, base))


def test_each_volume_has_a_name_so_that_it_outlives_the_container() -> None:
    base = Base(lambda _file: RUNS, Volumes={"/data": {}, "/var/lib/a": {}})
    described = service(base).describe()
    assert described["volumes"] == {"data0": {}, "data1": {}}
    assert described["services"][NAME] == {
        "image": NAME, "container_name": NAME, "environment": {"PASSWORD": "x"},
        "volumes": ["data0:/data", "data1:/var/lib/a"],
    }  # fmt: skip


@pytest.mark.parametrize(("ready", "given_up"), [(30.0, False), (4.0, True)])
def test_its_health_check_is_asked_each_second_and_given_up_late_without_its_program(
    ready: float, given_up: bool
) -> None:
    said = {"ExitCode": 1, "Output": "/bin/sh: 1: curl: not found\n"}
    health = {"Status": "unhealthy", "Log": [said]}
    base = Base(lambda _file: RUNS | {"Health": health}, Healthcheck={"Test": ["CMD", "curl"]})
    base.budgets.ready = ready
    asked = service(base)
    assert "says unhealthy: exit code 1, /bin/sh: 1: curl: not found" in asked.start()
    assert base.file["healthcheck"] == {"interval": "1s"}
    assert any("first line" in each for each in base.commands) is given_up
    defect = asked.health_defect()
    assert defect is not None and "calls curl, which the image does not have" in defect.cause


@pytest.mark.parametrize("right", RIGHTS, ids=lambda each: each.name)
def test_rights_are_given_one_after_another_until_it_runs(right: Any) -> None:
    base = Base(lambda file: RUNS if right.lines.items() <= file.items() else ENDED)
    started = service(base)
    assert started.launch() == ""
    assert started.right == right
    assert started.ready_seconds == 4.38
    ups = [each for each in base.commands if each.endswith("up -d")]
    assert len(ups) == 2 + RIGHTS.index(right), "none that was not needed was given"


def test_an_image_that_no_right_helps_is_told_as_it_ended_with_none() -> None:
    base = Base(lambda _file: ENDED)
    ended = service(base)
    assert ended.launch() == "it ended with exit code 3: no right to do so"
    assert ended.right is None
    assert "cap_add" not in base.file
    downs = [each for each in base.commands if " down " in each]
    assert downs and all(each.endswith("--volumes") for each in downs), (
        "no start has another's data"
    )


@pytest.mark.parametrize(
    ("state", "end"), [(RUNS, ""), (ENDED, "exit code 3: no right to do so"), ({}, "")]
)
def test_how_it_ended_is_told_if_it_ended(state: Mapping[str, Any], end: str) -> None:
    assert service(Base(lambda _file: state)).end() == end


@pytest.mark.parametrize(
    ("state", "ports", "listens", "problem"),
    [
        (RUNS, {}, False, ""),
        (RUNS, {"80/tcp": {}, "53/udp": {}}, True, ""),
        (RUNS, {"53/udp": {}}, False, ""),
        (RUNS, {"80/tcp": {}}, False, "it runs, and none of its ports accepts a connection"),
        (RUNS | {"Health": {"Status": "healthy"}}, {"80/tcp": {}}, False, ""),
        (
            RUNS | {"Health": {"Status": "starting", "Log": [{"ExitCode": 1, "Output": "no\n"}]}},
            {"80/tcp": {}},
            True,
            "its own health check says starting: exit code 1, no",
        ),
    ],
)
def test_it_is_ready_by_its_health_check_or_a_port_or_the_time_that_it_stays(
    state: Mapping[str, Any], ports: Mapping[str, Any], listens: bool, problem: str
) -> None:
    base = Base(lambda _file: state, ExposedPorts=ports)
    base.listens = listens
    assert service(base).start() == problem


def test_of_many_ports_those_on_which_nothing_listens_are_not_tried() -> None:
    base = Base(lambda _file: RUNS, ExposedPorts={"8000-9999/tcp": {}})
    base.listens = True
    base.table = (
        "  sl  local_address rem_address   st\n"
        "   0: 00000000:2329 00000000:0000 0A\n"
        "   1: 0100007F:1F90 0100007F:9C40 01\n"
        "  sl  local_address                         remote_address                        st\n"
        "   0: 00000000000000000000000000000000:22B8 00000000000000000000000000000000:0000 0A\n"
    )
    assert list(service(base).open_ports()) == [8888, 9001]
    assert base.commands.count("connect") == 2
    base.table = ""
    assert len(list(service(base).open_ports())) == 2000, "they are not known, so all are tried"
    ended = Base(lambda _file: ENDED, ExposedPorts={"8000-9999/tcp": {}})
    ended.listens = True
    assert list(service(ended).open_ports()) == []


def test_a_few_ports_are_tried_whatever_the_kernel_says() -> None:
    base = Base(lambda _file: RUNS, ExposedPorts={"80/tcp": {}, "443/tcp": {}})
    base.listens, base.table = True, "  sl  local_address rem_address   st\n"
    assert list(service(base).open_ports()) == [80, 443]


def test_a_refusal_of_compose_is_its_last_line() -> None:
    base = Base(lambda _file: RUNS)
    base.refuses = True
    assert service(base).start() == "it cannot be started: no such network"


def test_each_timed_start_begins_without_data() -> None:
    base = Base(lambda _file: RUNS)
    timed = service(base)
    timed.start()
    assert timed.ready_times() == [4.38] * 3
    assert sum(each.endswith("--volumes") for each in base.commands) == 2


def test_files_that_it_has_changed_and_no_folders_above_them() -> None:
    assert service(Base(lambda _file: RUNS)).changed_files() == ["/etc/new", "/run", "/var/lib/a"]
