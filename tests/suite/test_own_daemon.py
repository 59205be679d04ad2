"""The image's settings of dockerd, without which it is tried."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.suite.candidate import Candidate
from certify.suite.claims import CheckUnknown, Proven
from certify.suite.own_daemon import OwnDaemon, changed_settings, drop_in, split_command

ROUTES = (
    "Iface Destination Gateway Flags RefCnt Use Metric Mask\n"
    "eth0 00000000 0100010A 0003 0 0 0 00000000\n"
    "eth0 0000010A 00000000 0001 0 0 0 0000FFFF\n"
)
STOCK = "User=\nPrivateMounts=no\nSystemCallFilter=~\nTasksMax=614\nEnvironmentFiles=\n"


@pytest.mark.parametrize(
    ("own", "changed", "file"),
    [
        ("", {}, ""),
        ("PrivateMounts=yes\n", {"PrivateMounts": "no"}, ""),
        ("TasksMax=infinity\n", {}, ""),
        ("SystemCallFilter=~mount umount2\n", {"SystemCallFilter": "~"}, ""),
        (
            "EnvironmentFiles=/etc/default/docker (ignore_errors=yes)\n",
            {"EnvironmentFiles": ""},
            "/etc/default/docker",
        ),
        ("EnvironmentFiles=/etc/x (ignore_errors=no)\n", {"EnvironmentFiles": ""}, ""),
        ("Unheard=of\n", {}, ""),
    ],
)
def test_settings_that_differ_from_the_defaults(
    own: str, changed: dict[str, str], file: str
) -> None:
    kept = [line for line in STOCK.splitlines() if line.partition("=")[0] not in own]
    assert changed_settings("\n".join([*kept, own]) + "\n" + STOCK) == (changed, file)


def test_a_drop_in_resets_lists_and_values() -> None:
    text = drop_in({"SystemCallFilter": "~", "PrivateMounts": "no", "EnvironmentFiles": ""})
    assert text == [
        "[Service]", "SystemCallFilter=", "PrivateMounts=", "PrivateMounts=no", "EnvironmentFile=",
    ]  # fmt: skip


class Machine:
    """A candidate whose dockerd is hindered by one setting."""

    evidence = mounts = command = routes = ""
    container = SimpleNamespace(engine=SimpleNamespace(byte_order="<"))
    common = ""
    """What is found of settings for every service."""

    def __init__(self, hindered: Callable[[str, str], bool], daemon_json: str = "") -> None:
        self.transcript: list[Any] = []
        self.drop_in, self.daemon_json = "", daemon_json
        self.original, self.restarts, self.hindered = daemon_json, 0, hindered

    def run(self, command: str, *args: str, timeout: float = 60) -> Any:
        self.transcript.append(command)
        code, output = 0, ""
        if command.startswith("systemctl show -p ExecStart"):
            output = self.command
        elif command.startswith("systemctl show"):
            output = STOCK.replace("PrivateMounts=no", "PrivateMounts=yes") + "\n" + STOCK
        elif command.startswith("cd /etc/systemd && grep"):
            output = self.common
        elif command.startswith("cat /proc/net/route"):
            output = self.routes
        elif command.startswith("cat /proc/self/mountinfo"):
            output = self.mounts
        elif command.startswith("head"):
            output = self.original
        elif command.startswith("rm -f"):
            self.drop_in, self.daemon_json = "", self.original
        elif "zzzz-certify.conf" in command:
            self.drop_in = args[0]
        elif command.startswith("cp -p"):
            self.daemon_json = args[0]
        elif command.startswith("systemctl restart"):
            self.restarts += 1
        return SimpleNamespace(rc=code, stdout=output)

    def wait_for(self, condition: Callable[[], bool], **_: float) -> bool:
        return condition()

    def read_file(self, _path: str) -> bytes:
        return self.original.encode()

    def keep_seconds(self, unit: str) -> None:
        assert (unit, self.restarts) == ("docker.service", 0)

    def works(self) -> bool:
        return not self.hindered(self.drop_in, self.daemon_json)

    def judge(self) -> None:
        daemon = OwnDaemon(cast(Candidate, self), lambda: True, lambda: None)
        daemon.fail_if_hindered("nothing works", self.works, self.evidence)


@pytest.mark.parametrize(
    ("hindered", "named"),
    [
        (lambda unit, _: "PrivateMounts=no" not in unit, "PrivateMounts= of the image's docker.se"),
        (lambda _, document: "bip" in document, "bip in the image's /etc/docker/daemon.json"),
        (
            lambda unit, document: "PrivateMounts=no" not in unit or "bip" in document,
            "PrivateMounts= of the image's docker.service and bip in the image's /etc/docker/dae",
        ),
    ],
)
def test_what_hinders_is_named_and_left_as_it_was(
    hindered: Callable[[str, str], bool], named: str
) -> None:
    machine = Machine(hindered, '{"bip": "10.0.0.1/8", "debug": true}')
    with pytest.raises(Proven, match=named):
        machine.judge()
    assert (machine.drop_in, machine.daemon_json) == ("", machine.original)
    assert machine.transcript == [], "trials are no evidence"


@pytest.mark.parametrize(
    ("document", "taken"),
    [
        ('{"bip": "10.0.0.1/8"}', True),
        ('{"default-address-pools": [{"base": "10.1.2.0/24"}]}', True),
        ('{"bip": "192.168.0.1/24"}', False), ('{"log-driver": "none"}', False),
    ],
)  # fmt: skip
def test_addresses_that_the_candidate_was_given_are_not_held_against_it(
    document: str, taken: bool
) -> None:
    machine = Machine(lambda _, document: bool(document.strip("{}")), document)
    machine.routes = ROUTES
    with pytest.raises(CheckUnknown if taken else Proven) as told:
        machine.judge()
    assert ("of 10.1.0.0/16, the network that the candidate was given" in str(told.value)) is taken
    assert machine.daemon_json == document
    assert machine.transcript == []


@pytest.mark.parametrize("document", ["", "[]", "{", "[" * 10_000, '{"bip": NaN}'])
def test_what_is_no_daemon_json_has_no_settings(document: str) -> None:
    machine = Machine(lambda _unit, _document: True, document)
    machine.judge()
    assert machine.daemon_json == document


@pytest.mark.parametrize("count", [1, 40])
def test_many_files_for_every_service_leave_the_units_own_settings_to_be_tried(count: int) -> None:
    machine = Machine(lambda unit, _: "PrivateMounts=no" not in unit)
    machine.common = "".join(f"system/service.d/{n}.conf:LimitAS=1\n" for n in range(count))
    with pytest.raises(Proven, match=r"PrivateMounts= of the image's docker\.service: without"):
        machine.judge()


@pytest.mark.parametrize("content", ["", "{", "[1]", "{" + '"a": 1, ' * 4000 + '"b": 2}'])
def test_what_is_not_for_the_settings_blames_none(content: str) -> None:
    machine = Machine(lambda _unit, _document: True, content)
    machine.judge()
    assert machine.drop_in == ""
    assert machine.restarts == 3, "as it is, without all, and as it was"


@pytest.mark.parametrize(("was_up", "waits"), [(True, [60]), (False, [])])
def test_a_dockerd_that_was_up_is_up_again_before_the_next_check(
    was_up: bool, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(lambda _unit, _document: True, '{"debug": true}')
    run, waited = machine.run, list[float]()

    def slow(command: str, *args: str, **options: float) -> Any:
        answer = run(command, *args, **options)
        answer.rc = int(command.startswith("systemctl restart"))
        return answer

    def wait_for(_condition: object, *, seconds: float, pause: float) -> bool:
        waited.append(seconds)
        return True

    monkeypatch.setattr(machine, "run", slow)
    monkeypatch.setattr(machine, "wait_for", wait_for)
    OwnDaemon(cast(Candidate, machine), lambda: was_up, lambda: None).fail_if_hindered(
        "no", machine.works, ""
    )
    assert waited == waits


def test_many_settings_are_not_tried() -> None:
    machine = Machine(
        lambda _unit, _document: True, str({f"{n}": n for n in range(30)}).replace("'", '"')
    )
    machine.judge()
    assert machine.restarts == 0


def test_a_cause_in_the_image_that_shows_by_itself_is_left_alone() -> None:
    machine = Machine(lambda unit, _: "PrivateMounts=no" not in unit)
    machine.evidence = "dockerd needs to be started with root"
    machine.judge()
    assert machine.restarts == 0


@pytest.mark.parametrize(("kind", "restarts"), [("nfs4", 0), ("ext4", 5)])
def test_what_is_proven_to_be_the_hosts_is_left_alone(kind: str, restarts: int) -> None:
    machine = Machine(lambda unit, _: "PrivateMounts=no" not in unit)
    machine.evidence = "overlayfs: upper fs missing required features."
    machine.mounts = f"40 36 8:1 /v /var/lib/docker rw - {kind} /dev/sda1 rw\n"
    with contextlib.suppress(Proven):
        machine.judge()
    assert machine.restarts == restarts
    assert machine.transcript == [], "what was looked up is no evidence either"


def test_a_command_that_somebody_killed_proves_nothing() -> None:
    machine = Machine(lambda unit, _: "PrivateMounts=no" not in unit)
    machine.transcript.append(SimpleNamespace(rc=137, timed_out=False))
    machine.judge()
    assert machine.restarts == 0


SHOWN = "ExecStart={{ path=/x ; argv[]=/usr/sbin/dockerd {} ; ignore_errors=no ; pid=0 }}\n"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("-H fd:// --containerd=/run/c.sock $DOCKER_OPTS",
         ["-H fd://", "--containerd=/run/c.sock", "$DOCKER_OPTS"]),
        ("--iptables=false --log-opt a=b --debug",
         ["--iptables=false", "--log-opt a=b", "--debug"]),
        ('--label "two words"', None),
        ("--label 50%", None),
        ("a ; ignore_errors=no } ExecStart={ argv[]=b", None),
    ],
)  # fmt: skip
def test_the_options_of_a_command_line(words: str, options: list[str] | None) -> None:
    found = split_command(SHOWN.format(words))
    assert [text for _, text in found] == (
        [] if options is None else ["/usr/sbin/dockerd", *options]
    )


def test_an_option_of_the_command_line_is_named() -> None:
    machine = Machine(lambda unit, _: "btrfs" in (unit.rpartition("ExecStart=")[2] or "btrfs"))
    machine.command = SHOWN.format("-H fd:// --storage-driver=btrfs --debug")
    with pytest.raises(Proven, match=r"--storage-driver in ExecStart= of the image's docker\.serv"):
        machine.judge()
    assert machine.drop_in == ""


class Networked(Machine):
    """A candidate whose dockerd keeps the address that a setting once gave to its bridge."""

    bridge = kept = "10.0.0.1"

    def run(self, command: str, *args: str, timeout: float = 60) -> Any:
        answer = super().run(command, *args, timeout=timeout)
        if "delete docker0" in command:
            self.bridge = self.kept if "cp -a" in command else ""
        elif command.startswith("systemctl restart"):
            self.bridge = self.bridge or ("10.0.0.1" if "bip" in self.daemon_json else "172.17.0.1")
        return answer

    def works(self) -> bool:
        return self.bridge != "10.0.0.1"


def test_the_networks_of_one_trial_do_not_count_in_the_next() -> None:
    machine = Networked(lambda _unit, _document: True, '{"bip": "10.0.0.1/8"}')
    with pytest.raises(Proven, match=r"because of bip in the image's /etc/docker/daemon\.json"):
        machine.judge()
    assert machine.bridge == machine.kept
