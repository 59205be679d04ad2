"""The same checks as plain pytest functions, for comparison (see native.py)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
import testinfra
from testinfra.host import Host

from benchmarks.native import NAME, PACKAGES, SYSTEMD, USER, WAIT, docker_steps, start_command


@pytest.fixture(scope="session")
def box() -> Iterator[Host]:
    subprocess.run(start_command(os.environ["BENCH_IMAGE"]), check=True, capture_output=True)
    try:
        host = testinfra.get_host(f"docker://{NAME}")
        assert host.run(WAIT).rc == 0
        yield host
    finally:
        subprocess.run(["docker", "rm", "-fv", NAME], check=True, capture_output=True)


def test_os(box: Host) -> None:
    assert "ID=debian" in box.file("/etc/os-release").content_string


def test_libc(box: Host) -> None:
    assert box.file("/lib64/ld-linux-x86-64.so.2").exists


def test_manager(box: Host) -> None:
    assert box.exists("apt-get")


@pytest.mark.parametrize("line", [part for part in PACKAGES.strip().split("&&") if part.strip()])
def test_packages(box: Host, line: str) -> None:
    assert box.run(line).rc == 0


def test_pid1(box: Host) -> None:
    assert box.file("/proc/1/comm").content_string.strip() == "systemd"
    assert box.file("/run/systemd/system").is_directory
    assert box.run("systemctl show --property=Version --value").stdout


def test_state(box: Host) -> None:
    assert box.run("systemctl is-system-running").stdout.strip() in ("running", "degraded")


def test_units(box: Host) -> None:
    assert not box.run("systemctl list-units --state=failed --no-legend --plain").stdout


def test_journal(box: Host) -> None:
    assert box.run("systemd-cat -t bench echo hello").rc == 0
    assert "hello" in box.run("journalctl -b -t bench -o cat --no-pager").stdout


def test_service(box: Host) -> None:
    assert box.run(SYSTEMD).rc == 0


def test_dockerd(box: Host) -> None:
    assert box.service("docker").is_running
    assert box.service("docker").is_enabled
    assert "overlay2" in box.run("docker info").stdout


def test_startup(box: Host) -> None:
    for name in ("UserspaceTimestampMonotonic", "FinishTimestampMonotonic"):
        assert box.run(f"systemctl show --property={name} --value").stdout
    assert box.run("systemctl show --property=ActiveEnterTimestampMonotonic docker").stdout


def test_user(box: Host) -> None:
    assert box.run(USER).rc == 0
    as_user = testinfra.get_host(f"docker://bench@{NAME}")
    assert as_user.run("cd && echo written >mine && cat mine").stdout == "written\n"
    assert as_user.run("sudo -n id -u").stdout == "0\n"


def test_nested(box: Host) -> None:
    assert box.run(docker_steps()).rc == 0


def test_shutdown_and_restart(box: Host) -> None:
    subprocess.run(["docker", "stop", NAME], check=True, capture_output=True)
    subprocess.run(["docker", "start", NAME], check=True, capture_output=True)
    assert box.run(WAIT).rc == 0
    assert box.run("systemctl is-system-running").stdout.strip() == "running"
