"""A Podman of a test's own: its service with storage, networks and a socket of its own.

It has a network namespace without a way out, so that no firewall is touched, and a mount namespace,
whose mounts end with it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from tests.support.private_engine import copy_image
from tests.support.waiting import eventually

NEEDED = ("podman", "crun", "unshare", "docker", "/usr/lib/podman/netavark")
# crun refuses cgroup v1 beside a v2 hierarchy with controllers, as it may be mounted here.
SERVE = """
mount --make-rprivate /
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
ip link set lo up
exec podman --root "$1/root" --runroot "$1/run" --tmpdir "$1/tmp" \
    system service --time 0 "unix://$1/socket"
"""
SETTINGS = """\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""


@dataclass(frozen=True)
class PrivatePodman:
    """A Podman that answers at an address, as DOCKER_HOST has it."""

    address: str

    def docker(self, *words: str) -> str:
        """Run a command of Docker's command line on it; return what it prints."""
        command = ["docker", "--host", self.address, *words]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode()

    def load(self, image: str) -> None:
        """Copy an image from the host's engine."""
        copy_image(image, self.address)

    def objects(self) -> set[str]:
        """Return all containers, volumes, networks and images."""
        with contextlib.closing(docker.DockerClient(self.address)) as client:
            api = client.api
            volumes = api.volumes()["Volumes"] or ()
            listed = (*api.containers(all=True), *api.networks(), *api.images(all=True))
            return {each["Id"] for each in listed} | {each["Name"] for each in volumes}


def _is_removed(folder: Path) -> bool:
    """Remove a folder; return False if something that ends has written to it meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextlib.contextmanager
def private_podman() -> Iterator[PrivatePodman]:
    """A running service, gone at the end with all that it had."""
    missing = [each for each in NEEDED if shutil.which(each) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root, and {', '.join(missing) or 'nothing else'}")
    folder = Path(tempfile.mkdtemp(prefix="podman-"))  # sockets lie there, whose paths are short
    settings = folder / "containers.conf"
    settings.write_text(
        SETTINGS.format(
            folder=folder,
            files=min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            processes=20_000,
        )
    )
    podman = PrivatePodman(f"unix://{folder}/socket")
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", SERVE, "sh", str(folder)],
            env=os.environ | {"CONTAINERS_CONF": str(settings)},
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (folder / "socket").exists():
            said = (folder / "log").read_text("utf-8", "replace")
            assert service.poll() is None, said
            assert time.monotonic() < deadline, said
        yield podman
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            for container in podman.docker("ps", "-aq").split():
                podman.docker("rm", "--force", "--volumes", container)
        service.terminate()
        service.wait(60)
        # Podman 4 leaves the monitors of commands that ran in a container when it was removed.
        subprocess.run(["pkill", "--full", f"{folder}/"], check=False)
        for cgroup in Path("/sys/fs/cgroup").glob("*/libpod_parent"):
            for empty in (cgroup / "conmon", cgroup):
                with contextlib.suppress(OSError):  # another Podman's
                    empty.rmdir()
        eventually(lambda: _is_removed(folder))
