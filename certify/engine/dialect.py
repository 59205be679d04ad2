"""Differences between the engines that speak Docker's API; nothing else asks which one it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """A product that speaks Docker's API, and the requests that it needs in another form."""

    name: str
    """The name in results, which is also that of its command."""
    product: str
    """The name for people."""
    oldest: str
    """The oldest version that can launch candidates."""
    exact_log: str
    """The log driver that preserves every byte of the output."""
    seccomp_by_path: bool = False
    """True if a seccomp profile is given by its path on the engine's host, not by its content."""
    hides_stops: bool = False
    """True if nothing tells afterwards that somebody stopped a container with its stop signal."""
    capabilities: tuple[str, ...] = ()
    """Capabilities that Docker grants to every container, and this engine only on request."""
    devices: tuple[str, ...] = ()
    """Devices that Docker lets every container make, and this engine only on request."""
    writable_cgroups: bool = False
    """True if the engine mounts a container's own control groups writable on request."""

    def past_events(self, now: Callable[[], float]) -> dict[str, Any]:
        """Return the query for all events up to ``now``, by the engine's clock."""
        # Docker follows the events unless `until` is past; Podman, with a past one, reads none.
        return {"since": 1} | ({"stream": "false"} if self.hides_stops else {"until": now()})


DOCKER = Dialect(
    name="docker",
    product="Docker",
    oldest="Docker Engine 20.10",
    exact_log="local",  # json-file replaces bytes that are no UTF-8
)
PODMAN = Dialect(
    name="podman",
    product="Podman",
    oldest="Podman 4.3",
    exact_log="k8s-file",
    seccomp_by_path=True,
    hides_stops=True,
    # Docker inside grants these to nested containers, and fails if it may not.
    capabilities=("AUDIT_WRITE", "MKNOD", "NET_RAW"),
)


def dialect_of(info: Mapping[str, Any]) -> Dialect:
    """Return the dialect of an engine by its answer to ``/info``, where Podman names Buildah."""
    if "BuildahVersion" not in info:
        # Source: moby/moby #48828. With userns-remap, or without root, the engine refuses it.
        major = str(info.get("ServerVersion", "")).partition(".")[0]
        return replace(DOCKER, writable_cgroups=major.isdecimal() and int(major) >= 28)
    # With cgroup v1 nobody may allow a device that the container around does not have.
    tun = ("/dev/net/tun",) if info.get("CgroupVersion") == "1" else ()
    return replace(PODMAN, devices=tun)
