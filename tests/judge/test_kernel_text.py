from __future__ import annotations

import re
from ipaddress import IPv4Network

import pytest

from certify.judge.kernel_text import (
    default_gateway,
    forwarded,
    full_mounts,
    inner_networks,
    lacks_instructions,
    listening_ports,
    own_network_in,
    refusals,
    unfit_for_overlay,
)

MOUNTS = """\
36 35 0:31 / / rw - overlay overlay rw
40 36 8:1 /v /var/lib/docker rw,relatime master:1 - {kind} /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ext4", False), ("xfs", False), ("tmpfs", False), ("nfs4", True), ("fuse.x", True)],
)
def test_a_volume_that_overlay_cannot_use(kind: str, expected: bool) -> None:
    assert unfit_for_overlay(MOUNTS.format(kind=kind), "/var/lib/docker") is expected
    assert unfit_for_overlay(MOUNTS.format(kind=kind), "/var/lib/other") is None


BOTH = """\
Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010012AC 0003 0 0 0 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
eth0 000012AC 00000000 0001 0 0 0 0000FFFF 0 0 0
br-1 nonsense 00000000 0001 0 0 0 0000FFFF 0 0 0
"""


def test_inner_networks_are_behind_another_interface_than_the_default() -> None:
    assert inner_networks(BOTH) == [IPv4Network("172.17.0.0/16")]
    assert inner_networks(BOTH.replace("eth0 00000000", "eth0 00000001")) == []
    assert inner_networks("") == []


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ('{"bip": "172.18.0.1/16"}', True), ("172.16.0.0/12", True), ("--bip 172.18.4.5/30", True),
        ("172.18.0.2", True), ("172.17.0.1/16", False), ("172.19.0.0/16", False), ("", False),
        ("999.18.0.1/99", False),
    ],
)  # fmt: skip
def test_the_own_network_is_that_of_the_default_route(text: str, taken: bool) -> None:
    assert own_network_in(text, BOTH) == ("172.18.0.0/16" if taken else "")
    assert own_network_in(text, "") == ""


SOCKETS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:0017 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A
   1: nonsense 00000000:0000 0A
"""


def test_ports_on_which_a_program_listens() -> None:
    assert listening_ports(SOCKETS) == {22, 8080}
    assert listening_ports("") == set()


def test_refusals_are_those_that_were_sent() -> None:
    counters = "Ip: Forwarding\nIp: 1\nIcmp: InDestUnreachs OutDestUnreachs\nIcmp: 3 7\n"
    assert refusals(counters) == 7
    assert refusals("Icmp: InMsgs\nIcmp: 20\n") == refusals("") == 0


def test_packets_that_were_forwarded() -> None:
    assert forwarded("Ip: Forwarding ForwDatagrams\nIp: 1 42\n") == 42
    assert forwarded("Ip: Forwarding\nIp: 1\n") is forwarded("") is None


@pytest.mark.parametrize(
    ("flags", "line", "expected"),
    [
        ("flags : fpu ssse3 sse4_2 popcnt cx16", "CPU does not support x86-64-v2", False),
        ("flags : fpu ssse3 sse4_2 popcnt cx16", "CPU does not support x86-64-v3", True),
        ("flags : fpu", "Illegal instruction", True),
        ("", "Illegal instruction", None),
    ],
)
def test_a_processor_that_lacks_what_is_wanted(
    flags: str, line: str, expected: bool | None
) -> None:
    assert lacks_instructions(flags, line) is expected


@pytest.mark.parametrize(
    ("size", "used", "own", "full"),
    [
        (65536, "100%", "tmpfs /tmp tmpfs rw,size=64m 0 0", {"/tmp"}),
        (65536, "100%", "Where=/tmp", {"/tmp"}),
        (65536, "12%", "tmpfs /tmp tmpfs rw,size=64m 0 0", set()),
        (65536, "100%", "# tmpfs /tmp tmpfs rw,size=64m 0 0", set()),
        (65536, "100%", "tmpfs /tmp tmpfs rw 0 0", set()),
        # What filled a tiny one is gone.
        (64, "0%", "tmpfs /tmp tmpfs rw,size=64k 0 0", {"/tmp"}),
        (64, "0%", "tmpfs /srv tmpfs rw,size=64k 0 0", set()),
        (64, "0%", "tmpfs /var/cache/apt tmpfs size=64k 0 0", {"/var/cache/apt"}),
        (64, "0%", "", set()),
    ],
)
def test_a_file_system_in_memory_that_is_full(
    size: int, used: str, own: str, full: set[str]
) -> None:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on"
    place = (re.search("/[a-z/]+", own) or ["/tmp"])[0]
    there = f"{head}\ntmpfs {size} 64 0 {used} {place}"
    assert full_mounts(f"{there}\n\n{own}\n") == full


ROUTES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("routes", "order", "gateway"),
    [
        ("eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "<", "172.17.0.1"),
        ("eth0\t00000000\tAC110001\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", ">", "172.17.0.1"),
        ("eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", "<", None),
        ("tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", "<", None),
        ("eth0\t00000000\tXYZ\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "<", None),
        ("eth0\t00000000\tFFFFFFFFFF\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "<", None),
        ("", "<", None),
    ],
)
def test_the_default_gateway(routes: str, order: str, gateway: str | None) -> None:
    assert default_gateway(ROUTES + routes, order) == gateway
