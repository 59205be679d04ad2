"""The notification socket: its messages are always read, and its folder is always removed."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.engine import notify_socket, reaper
from certify.engine.notify_socket import NotifyReader

RUN = "0123456789ab"


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of a test's own, deeper than a socket's address is long."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    return deep


def made(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    (folder / "socket").touch()
    return folder


def killed(scratch: Path) -> str:
    """The name of the folder of a process that had no time to remove it."""
    program = (
        "import os, signal, sys, tempfile\n"
        "from certify.engine import notify_socket\n"
        f"with notify_socket.notify_socket({secrets.token_hex(6)!r}) as (folder, _):\n"
        "    print(folder.name, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"TMPDIR": str(scratch)}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    ).stdout.strip()


def test_messages_arrive_and_the_folder_is_removed(scratch: Path) -> None:
    with notify_socket.notify_socket(RUN) as (folder, end):
        assert folder.parent == scratch
        assert folder.stat().st_mode & 0o777 == 0o755
        assert (folder / "socket").stat().st_mode & 0o777 == 0o666
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            there = os.open(folder, os.O_RDONLY)
            sender.sendto(b"READY=1", f"/proc/self/fd/{there}/socket")
            os.close(there)
        assert end.recv(100) == b"READY=1"
    assert list(scratch.iterdir()) == []


def test_the_next_run_removes_the_folder_of_a_killed_one(scratch: Path) -> None:
    left = killed(scratch)
    assert (scratch / left / "socket").exists()
    with notify_socket.notify_socket(RUN) as (folder, _):
        assert list(scratch.iterdir()) == [folder]


def test_only_folders_of_dead_runs_are_removed(scratch: Path) -> None:
    mine = reaper.short_owner()
    machine, pid, _ = mine.split("-")
    alive = made(scratch, f"certify-{RUN}-{mine}")
    elsewhere = made(scratch, f"certify-{RUN}-{'0' * 12}-{pid}-1")
    strangers = [
        made(scratch, name)
        for name in (f"certify-{RUN}-abcd1234", "certify-notes", f"certify-{RUN}-{mine}-copy")
    ]
    linked = scratch / f"certify-{RUN}-{machine}-{pid}-2"
    linked.symlink_to(strangers[0])
    dead = made(scratch, f"certify-{RUN}-{machine}-{pid}-1")
    assert notify_socket.remove_orphans() == 1
    assert not dead.exists()
    assert all(each.is_dir() for each in (alive, elsewhere, linked, *strangers))
    assert (strangers[0] / "socket").exists(), "what a link leads to is not ours"
    assert notify_socket.remove_orphans(everything=True) == 2
    assert {each.name for each in scratch.iterdir()} == {
        linked.name, *(each.name for each in strangers)
    }  # fmt: skip


def test_another_users_folder_stays() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else")
    machine, _, _ = reaper.short_owner().split("-")
    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        scratch = Path(shared)
        scratch.chmod(0o755)
        folder = made(scratch, f"certify-{RUN}-{machine}-999999999-1")
        program = (
            "import os, tempfile\n"
            "from certify.engine import notify_socket, reaper\n"
            f"tempfile.tempdir = {shared!r}\n"
            "reaper.owner()  # reads what only root may: the interpreter's own files\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "print(notify_socket.remove_orphans())\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert (ran.stdout, ran.stderr) == ("0\n", "")
        assert (folder / "socket").exists()


# Its messages


Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The reader's end and the sender's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def test_a_sender_is_never_blocked(pair: Pair) -> None:
    ours, theirs = pair
    reader = NotifyReader(ours)
    theirs.send(b"READY=1")
    assert reader.wait_ready(10)
    for _ in range(1000):  # the kernel would keep ten, and block the sender
        theirs.send(b"X_SYSTEMD_UNIT_ACTIVE=a.target")
    assert not reader.wait_ready(0)


def test_earlier_messages_are_forgotten(pair: Pair) -> None:
    ours, theirs = pair
    reader = NotifyReader(ours)
    theirs.send(b"READY=1")
    reader.forget()
    assert not reader.wait_ready(0.05)
    theirs.send(b"READY=1")
    reader.forget()
    assert not reader.wait_ready(0.05)
    theirs.send(b"READY=1")
    assert reader.wait_ready(10)


def test_a_closed_socket_ends_the_reader_quietly(pair: Pair) -> None:
    ours, _ = pair
    reader = NotifyReader(ours)
    assert not reader.wait_ready(0)
    ours.close()
    assert not reader.wait_ready(0.6)
