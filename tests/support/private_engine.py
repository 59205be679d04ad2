"""An engine of a test's own: a real dockerd beside the host's, that may be starved and killed.

It has a bridge of its own that leads nowhere, and touches no firewall; what its containers need of
a network they take from the host (`--network host`). `--bridge=none` would not do: a dockerd that
is told so removes the bridge of the host's engine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.waiting import eventually, frozen

BRIDGE_ADDRESS = "198.18.{}.1/24"  # one of many, of the block for tests of devices, RFC 2544


def copy_image(image: str, address: str) -> None:
    """Copy an image from the host's engine to another one."""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
        subprocess.run(
            ["docker", "--host", address, "load", "--quiet"],
            stdin=saved.stdout, capture_output=True, check=True,
        )  # fmt: skip


class PrivateEngine:
    """A dockerd with folders and a socket of its own."""

    def __init__(self, folder: Path, data: Path, configuration: str = "{}") -> None:
        self.folder = folder
        self._configuration = configuration
        self._data = data
        # Its containerd's sockets lie there, whose paths must be short.
        self._exec = Path(tempfile.mkdtemp(prefix="engine-"))
        self.address = f"unix://{folder}/socket"
        self._bridge = f"certify{secrets.token_hex(3)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, again if it has ended, and wait until it answers."""
        (self.folder / "none.json").write_text(self._configuration)
        (self.folder / "pid").unlink(missing_ok=True)
        if not Path(f"/sys/class/net/{self._bridge}").exists():
            _ip("link", "add", self._bridge, "type", "bridge")
            address = BRIDGE_ADDRESS.format(secrets.randbelow(256))
            _ip("address", "add", address, "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", f"--config-file={self.folder}/none.json", f"--data-root={self._data}",
                 f"--exec-root={self._exec}", f"--pidfile={self.folder}/pid",
                 f"--host={self.address}", f"--bridge={self._bridge}", "--iptables=false",
                 "--ip-forward=false"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while self.docker("version", check=False).returncode != 0:
            said = (self.folder / "log").read_text("utf-8", "replace")
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)
        # Its containerd dies with it, but may lie unburied, and would be taken for alive.
        mark = self._exec / "containerd/containerd.pid"
        if mark.exists():
            ended = Path(f"/proc/{mark.read_text()}/stat")
            eventually(lambda: not ended.exists() or " Z " in ended.read_text())
            mark.unlink()

    def frozen(self) -> AbstractContextManager[None]:
        """It hangs: whoever asks it waits."""
        return frozen(self.pid)

    def docker(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a docker command on it."""
        command = ["docker", "--host", self.address, *words]
        return subprocess.run(command, capture_output=True, check=check)

    def load(self, image: str) -> None:
        """Copy an image from the host's engine."""
        copy_image(image, self.address)

    def stop(self) -> None:
        """End it and all that it started, also if it was killed meanwhile."""
        assert self._process is not None
        if self._process.poll() is not None:
            self.start()  # only it can end what outlived it
        left = self.docker("ps", "--all", "--quiet", check=False).stdout.decode().split()
        if left:
            self.docker("rm", "--force", "--volumes", *left, check=False)
        self.kill(signal.SIGTERM)
        for mount in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = mount.split()[1]
            # dockerd binds its folder to itself, which a disk of its own does not need.
            if place.startswith((f"{self._exec}/", f"{self._data}/", f"{self.folder}/data")):
                subprocess.run(["umount", "--lazy", place], check=True)
        shutil.rmtree(self._exec, ignore_errors=True)
        _ip("link", "delete", self._bridge)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def private_engine(
    folder: Path, data: Path | None = None, configuration: str = "{}"
) -> Iterator[PrivateEngine]:
    """A running engine, gone at the end with all that it had; ``data`` is where that lies."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd")
    engine = PrivateEngine(folder, data or folder / "data", configuration)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A filesystem of that size, in a file."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    image, place = folder / "disk", folder / "mounted"
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    place.mkdir()
    # No blocks kept for root, who fills it; no journal, which would take most of it.
    subprocess.run(["mkfs.ext4", "-q", "-m0", "-O^has_journal", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        image.unlink()


def fill(place: Path, *, leave: int = 0) -> None:
    """Fill a filesystem but for about so many bytes."""
    disk = os.statvfs(place)
    size = disk.f_bavail * disk.f_frsize - leave - (1 << 20)
    with (place / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        if size > 0:
            os.posix_fallocate(file.fileno(), 0, size)
            file.seek(size)
        while not leave:
            file.write(bytes(1 << 12))
