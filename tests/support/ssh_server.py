"""A real OpenSSH server on loopback, with keys of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.registries import free_port
from tests.support.waiting import eventually


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[int]:
    """Run a server that the configuration ``folder/config`` reaches as ``builder``; its port."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None or os.geteuid() != 0 or not Path("/run/sshd").is_dir():
        pytest.skip("needs root and the Debian package openssh-server")
    port = free_port()
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPermitRootLogin yes\nPidFile none\n"
    )
    (folder / "config").write_text(
        f"Host builder\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {folder}/user\n"
        f"StrictHostKeyChecking no\nUserKnownHostsFile {folder}/known\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", f"{folder}/sshd_config"], stderr=log)
    try:

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            assert server.poll() is None, (folder / "sshd.log").read_text()
            return False

        eventually(listens)
        yield port
    finally:
        server.terminate()
        server.wait(10)
