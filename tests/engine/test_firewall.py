"""Rules for a candidate's bridge, by real traffic in network namespaces of the test's own."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from certify.engine import firewall
from certify.engine.firewall import REFUSED, removals, resolve, rules
from certify.engine.probe.programs import CLOSED_PORT
from tests.support.waiting import eventually

BRIDGE, RUN = "br-0123456789ab", "0123456789ab"
HOST, LAN, METADATA, PUBLIC = "172.31.9.1", "10.9.0.2", "169.254.169.254", "198.51.100.7"
DOCKER0 = "172.17.0.1"
PORT = 8099
SERVER = """
import socket, sys
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listening:
    while True:
        listening.accept()[0].close()
"""
CALL = "from certify.engine import firewall; print(firewall.{})"


class Worlds:
    """Three namespaces: a host with a bridge, a candidate on it, and what lies beyond the host."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        mark = secrets.token_hex(3)
        self.host, self.candidate, self.beyond = (f"{each}-{mark}" for each in ("h", "c", "b"))
        for name in (self.host, self.candidate, self.beyond):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            self.run(name, "ip", "link", "set", "lo", "up")
        self.run(self.host, "ip", "link", "add", BRIDGE, "type", "bridge")
        self.address(self.host, f"{HOST}/24", BRIDGE)
        self.connect(self.candidate, "to-c")
        self.run(self.host, "ip", "link", "set", "to-c", "master", BRIDGE)
        self.run(self.candidate, "ip", "address", "add", "172.31.9.2/24", "dev", "eth0")
        self.run(self.candidate, "ip", "route", "add", "default", "via", HOST)
        self.connect(self.beyond, "to-b")
        for here, there in (("10.9.0.1", LAN), ("198.51.100.1", PUBLIC), ("169.254.0.1", METADATA)):
            bits = 16 if here.startswith("169") else 24
            self.run(self.host, "ip", "address", "add", f"{here}/{bits}", "dev", "to-b")
            self.run(self.beyond, "ip", "address", "add", f"{there}/{bits}", "dev", "eth0")
        self.run(self.beyond, "ip", "route", "add", "default", "via", "10.9.0.1")
        self.run(self.host, "ip", "link", "add", "docker0", "type", "bridge")
        self.address(self.host, f"{DOCKER0}/16", "docker0")
        self.run(self.host, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for name in (self.host, self.beyond):
            command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVER, str(PORT)]
            server = subprocess.Popen(command)
            stack.callback(server.wait)
            stack.callback(server.kill)

    def connect(self, name: str, of_host: str) -> None:
        _ip("link", "add", of_host, "netns", self.host, "type", "veth",
            "peer", "name", "eth0", "netns", name)  # fmt: skip
        self.run(self.host, "ip", "link", "set", of_host, "up")
        self.run(name, "ip", "link", "set", "eth0", "up")

    def address(self, name: str, address: str, device: str) -> None:
        self.run(name, "ip", "address", "add", address, "dev", device)
        self.run(name, "ip", "link", "set", device, "up")

    def run(self, name: str, *command: str, check: bool = True) -> str:
        ended = subprocess.run(
            ["ip", "netns", "exec", name, *command], capture_output=True, text=True, check=False
        )
        assert not check or ended.returncode == 0, ended.stderr
        return ended.stdout

    def call(self, expression: str) -> str:
        return self.run(self.host, sys.executable, "-c", CALL.format(expression)).strip()

    def reached(self) -> set[str]:
        """The addresses that the candidate reaches."""
        script = (
            "import socket, sys\n"
            "for each in sys.argv[2:]:\n"
            "    try:\n"
            "        socket.create_connection((each, int(sys.argv[1])), 2).close()\n"
            "        print(each)\n"
            "    except OSError:\n"
            "        pass\n"
        )
        words = (str(PORT), HOST, DOCKER0, LAN, METADATA, PUBLIC)
        return set(self.run(self.candidate, sys.executable, "-c", script, *words).split())


ALL = {HOST, DOCKER0, LAN, METADATA, PUBLIC}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    programs = ("ip", "iptables", "sysctl")
    if os.geteuid() != 0 or any(shutil.which(each) is None for each in programs):
        pytest.skip(f"needs root, {', '.join(programs)}")
    with ExitStack() as stack:
        found = Worlds(stack)
        deadline = time.monotonic() + 10
        while found.reached() != ALL:
            assert time.monotonic() < deadline, found.reached()
        yield found


def docker_runs(worlds: Worlds) -> None:
    """What dockerd makes of a firewall, as far as it matters here."""
    worlds.run(worlds.host, "iptables", "-N", "DOCKER-USER")
    worlds.run(worlds.host, "iptables", "-A", "DOCKER-USER", "-j", "RETURN")
    worlds.run(worlds.host, "iptables", "-I", "FORWARD", "-j", "DOCKER-USER")


def test_a_candidate_reaches_what_is_public_and_what_is_named(worlds: Worlds) -> None:
    docker_runs(worlds)
    before = worlds.run(worlds.host, "iptables", "-S")
    assert worlds.call(f"close_bridge('{BRIDGE}', '{RUN}')") == ""
    assert worlds.reached() == {PUBLIC}
    assert worlds.call("tidy()") == "0", "while the bridge is there, its rules stay"
    assert worlds.reached() == {PUBLIC}
    worlds.run(worlds.host, "ip", "link", "set", "to-c", "nomaster")
    worlds.run(worlds.host, "ip", "link", "delete", BRIDGE)
    worlds.run(worlds.host, "iptables", "-N", "certify-ba9876543210")  # nothing leads there
    assert int(worlds.call("tidy()")) >= 3
    assert worlds.run(worlds.host, "iptables", "-S") == before
    assert "certify" not in worlds.run(worlds.host, "ip6tables", "-S", check=False)


def test_a_connection_is_refused_at_its_first_packet(worlds: Worlds) -> None:
    """A refusal by ICMP alone was seen only with the second packet, after a second."""
    docker_runs(worlds)
    assert worlds.call(f"close_bridge('{BRIDGE}', '{RUN}')") == ""
    # With a timeout, Python asks in another way, for which a refusal by ICMP is enough.
    script = "import socket, sys; print(socket.socket().connect_ex((sys.argv[1], 10)))"
    for address in (HOST, LAN):
        said = worlds.run(worlds.candidate, sys.executable, "-c", script, address)
        assert int(said) == errno.ECONNREFUSED
    listed = worlds.run(worlds.host, "iptables", "-S", "-v")
    packets = re.findall(rf"-A certify-{RUN}\S* .*-c ([0-9]+) [0-9]+ -j REJECT", listed)
    assert sum(map(int, packets)) == 2, listed


@pytest.mark.parametrize("listens", [False, True])
def test_the_host_itself_replies_at_a_closed_port_and_to_those_it_has_routes_to(
    worlds: Worlds, listens: bool
) -> None:
    """Otherwise a nested container without NAT would seem to reach out."""
    docker_runs(worlds)
    with ExitStack() as stack:
        if listens:
            command = ["ip", "netns", "exec", worlds.host, sys.executable, "-c", SERVER]
            server = subprocess.Popen([*command, str(CLOSED_PORT)])
            stack.callback(server.wait)
            stack.callback(server.kill)
            eventually(lambda: worlds.call(f"_listens({CLOSED_PORT})") == "True")
        assert worlds.call(f"close_bridge('{BRIDGE}', '{RUN}')") == ""
        worlds.run(worlds.candidate, "ip", "address", "add", "192.0.2.77/32", "dev", "lo")
        worlds.run(worlds.host, "ip", "route", "add", "192.0.2.77/32", "dev", "to-b")
        script = (
            "import socket, sys\n"
            "one = socket.socket()\n"
            "one.bind((sys.argv[1], 0))\n"
            "one.settimeout(0.5)\n"
            "print(one.connect_ex((sys.argv[2], int(sys.argv[3]))))\n"
        )
        for source, wanted in (("0.0.0.0", errno.ECONNREFUSED), ("192.0.2.77", errno.EAGAIN)):
            words = (source, HOST, str(CLOSED_PORT))
            said = worlds.run(worlds.candidate, sys.executable, "-c", script, *words)
            assert int(said) == wanted


def test_what_is_named_stays_open(worlds: Worlds) -> None:
    docker_runs(worlds)
    assert worlds.call(f"close_bridge('{BRIDGE}', '{RUN}', ['{LAN}', '{DOCKER0}'])") == ""
    assert worlds.reached() == {PUBLIC, LAN, DOCKER0}


def test_without_dockers_chain_nothing_is_written_and_the_reason_told(worlds: Worlds) -> None:
    before = worlds.run(worlds.host, "iptables", "-S")
    said = worlds.call(f"close_bridge('{BRIDGE}', '{RUN}')")
    assert said == "the firewall has no chain DOCKER-USER"
    said = worlds.call(f"close_bridge('br-of-another', '{RUN}')")
    assert said == "certify sees no bridge of it on this machine"
    assert worlds.run(worlds.host, "iptables", "-S") == before
    assert worlds.reached() == ALL


def without_ip6tables(worlds: Worlds, folder: Path) -> str:
    """Close the bridge with a PATH that has no program for rules of IPv6."""
    for name in ("iptables", "iptables-restore"):
        (folder / name).symlink_to(str(shutil.which(name)))
    call = CALL.format(f"close_bridge('{BRIDGE}', '{RUN}')")
    command = ("env", f"PATH={folder}", sys.executable, "-c", call)
    return worlds.run(worlds.host, *command).strip()


def test_a_bridge_with_ipv6_is_open_without_rules_for_ipv6(worlds: Worlds, tmp_path: Path) -> None:
    """By its link-local address a candidate reaches the host's services."""
    docker_runs(worlds)
    if not Path("/proc/sys/net/ipv6").exists():
        pytest.skip("needs IPv6")
    assert without_ip6tables(worlds, tmp_path) == "the firewall takes no rules for IPv6"


def test_a_bridge_without_ipv6_needs_no_rules_for_ipv6(worlds: Worlds, tmp_path: Path) -> None:
    docker_runs(worlds)
    worlds.run(worlds.host, "sysctl", "-qw", f"net.ipv6.conf.{BRIDGE}.disable_ipv6=1", check=False)
    assert without_ip6tables(worlds, tmp_path) == ""
    assert worlds.reached() == {PUBLIC}


def test_the_rules_of_a_killed_certify_go_with_its_bridge(worlds: Worlds) -> None:
    """The watchdog removes the bridge, and then the rules; here the bridge goes before."""
    docker_runs(worlds)
    script = (
        "import os, signal, subprocess\n"
        "from certify.engine import firewall\n"
        "from certify.engine.watchdog import watched\n"
        f"with watched({RUN!r}, 'unix:///nonexistent'):\n"
        f"    assert not firewall.close_bridge({BRIDGE!r}, {RUN!r})\n"
        f"    subprocess.run(['ip', 'link', 'delete', {BRIDGE!r}], check=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        ["ip", "netns", "exec", worlds.host, sys.executable, "-c", script], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while "certify" in worlds.run(worlds.host, "iptables", "-S"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


CHAIN, OTHER = "certify-0123456789ab", "certify-ba9876543210"


@pytest.mark.parametrize(
    ("listed", "removed"),
    [
        ([], []),
        (["-N DOCKER-USER", "-A FORWARD -j DOCKER-USER"], []),
        ([f"-N {CHAIN}", f"-A INPUT -i there -j {CHAIN}"], []),
        ([f"-N {CHAIN}", f"-A INPUT -i gone -j {CHAIN}"], [[f"-D INPUT -i gone -j {CHAIN}"]]),
        ([f"-N {CHAIN}-host", f"-A INPUT -i gone -j {CHAIN}-host"],
         [[f"-D INPUT -i gone -j {CHAIN}-host"]]),
        # Somebody removed the rule that led to it.
        ([f"-N {CHAIN}", f"-A {CHAIN} -j REJECT"], [[]]),
        ([f"-N {CHAIN}", f"-N {OTHER}", f"-A FORWARD -i gone ! -o gone -j {CHAIN}",
          f"-A INPUT -i gone -j {CHAIN}", f"-A INPUT -i gone2 -j {OTHER}"],
         [[f"-D FORWARD -i gone ! -o gone -j {CHAIN}", f"-D INPUT -i gone -j {CHAIN}"],
          [f"-D INPUT -i gone2 -j {OTHER}"]]),
        ([f"-N {CHAIN}", f"-N {OTHER}", f"-A INPUT -i there -j {CHAIN}"], [[]]),
        (["-N certify-of-a-person", "-A INPUT -i gone -j certify-of-a-person"], []),
    ],
)  # fmt: skip
def test_each_chain_to_which_no_interface_leads_is_removed_by_itself(
    listed: list[str], removed: list[list[str]]
) -> None:
    found = removals("\n".join(listed) + "\n", {"lo", "there"})
    assert [lines.splitlines()[1:-3] for lines in found] == removed
    for lines in map(str.splitlines, found):
        assert lines[0] == "*filter"
        assert [each[:3] for each in lines[-3:]] == ["-F ", "-X ", "COM"]


def test_a_chain_that_another_process_removes_meanwhile_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own removal fails; it is not counted, and all others go."""
    asked: list[str] = []

    def run(*command: str, given: str | None = None) -> str | None:
        if given is None:
            return f"-N {CHAIN}\n-N {OTHER}\n" if command[0] == "iptables" else ""
        asked.append(given)
        return None if CHAIN in given else ""

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(firewall, "_run", run)
    assert firewall.tidy() == 1
    assert [each.split("-X ")[1].split()[0] for each in asked] == [CHAIN, OTHER]


def test_names_are_resolved_and_what_is_unknown_is_told() -> None:
    names = ["10.1.2.3", "10.2.0.0/16", "localhost", "no.such.host.invalid", "10", "fd00::1"]
    assert resolve(names) == (
        ["10.1.2.3/32", "10.2.0.0/16", "127.0.0.1"], ["no.such.host.invalid", "10", "fd00::1"],
    )  # fmt: skip


def test_what_is_open_comes_before_what_is_refused() -> None:
    lines = rules(BRIDGE, "certify-1", ["10.1.2.3"], ["10.0.0.53"]).splitlines()
    last_open = max(
        n for n, line in enumerate(lines) if "-j RETURN" in line and "-host" not in line
    )
    refused = [n for n, line in enumerate(lines) if "-j REJECT" in line]
    assert len(refused) == 2 * (len(REFUSED) + 1)
    assert last_open < min(refused)


def test_who_may_not_write_rules_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert firewall.close_bridge(BRIDGE, RUN) == "certify does not run as root"
    assert firewall.tidy() == 0
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert firewall.close_bridge(BRIDGE, RUN) == "there is no iptables here"
    assert firewall.tidy() == 0


def test_a_resolver_of_this_machine_is_no_name_server_of_a_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("# made by systemd\nnameserver 127.0.0.53\noptions edns0\n")
    real.write_text("nameserver 10.0.0.53\nnameserver fe80::1\nnameserver 10.0.0.53\n")
    monkeypatch.setattr(firewall, "RESOLVERS", (stub, real, tmp_path / "none"))
    assert firewall.name_servers() == ["10.0.0.53"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("nameserver 10.0.0.2", ["10.0.0.2"]),
        ("nameserver\t10.0.0.2 # the office's", ["10.0.0.2"]),
        ("nameserver 10.0.0.2 10.0.0.3", ["10.0.0.2"]),
        ("nameserver 1.2.3", []),
        ("nameserver 10.0.0.256", []),
        ("nameserver 10.0.0.0/8", []),
        ("nameserver fe80::1%eth0", []),
        ("nameserver 127.0.0.53", []),
        ("nameserver", []),
        ("nameservers 10.0.0.2", []),
        ("# nameserver 10.0.0.2", []),
        ("search 10.0.0.2", []),
        ("", []),
    ],
)
def test_a_name_server_is_the_address_after_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, found: list[str]
) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(f"{line}\noptions edns0\n")
    monkeypatch.setattr(firewall, "RESOLVERS", (file,))
    assert firewall.name_servers() == found
