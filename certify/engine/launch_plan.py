"""The way to start a candidate: its flags, its command, and the reasons for them.

A container is launched in one of three ways. ``init``: the image's systemd as PID 1, once all that
the image lacks is installed. ``idle``: a shell that waits. ``image``: the image's own entrypoint.
The latter two have no rights beyond the engine's defaults. A service (``nested``) runs in the
dockerd of a base image, which is launched as with ``init``.

Pure: nothing here talks to an engine. ``docs/launching.md`` explains the same to users.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from docker.utils import parse_bytes

from certify.engine import packages
from certify.engine.apparmor import NEW_MOUNTS, profile_name
from certify.engine.dialect import DOCKER, Dialect
from certify.engine.isolation import SYSBOX_RUNTIME
from certify.model.terms import LaunchKind

STATE_FOLDER = "/run/certify"
"""Folder for certify's own files in a candidate: a tmpfs of its own."""
NOTIFY_FOLDER = f"{STATE_FOLDER}/notify"
"""Mount point of the folder with the notification socket, if the engine is local."""
SHELL_RAN = "certify: the shell runs"
"""First line of the container's log: proof that the image's shell works, even if it ends soon."""
STOP_SIGNAL = "SIGRTMIN+3"
"""Signal for a clean halt of systemd (systemd(1), SIGNALS); SIGTERM would make it re-execute."""
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN")
"""Rights of an init launch beyond the defaults of Docker: to mount, and to make networks."""
BASE_CAPABILITIES = (*CAPABILITIES, "SYS_PTRACE")
"""Rights of the base image of a service: without SYS_PTRACE, runc enters no container whose
processes are another user's than root's, so that `docker exec` and health checks fail in it."""
STORAGE = ("/var/lib/docker", "/var/lib/containerd")
"""Folders of dockerd's layers, by either of its image stores; each gets a volume of its own, as
overlay does not stack on the overlay of the container's own root."""

# systemd must see no other cgroups than its own: Podman makes a namespace for them only with cgroup
# v2, and without one their paths are longer than "/". They must be writable for systemd, and the
# network sysctls for dockerd; everything else under /proc/sys stays read-only.
_OWN_CGROUPS = """\
grep -q :/. /proc/self/cgroup && command -v unshare >/dev/null && set -- unshare --cgroup
for m in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ ! -d "$m" ] || mount -o remount,rw,bind "$m" 2>/dev/null || :
done
"""
_OWN_SYSCTLS = """\
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,rw,bind /proc/sys/net || :
"""
WRITABLE_CGROUPS = "writable-cgroups=true"
"""The security option by which Docker 28 and later spare the remount of control groups."""
EXEC_INIT = """\
export container=docker
for init in /sbin/init /lib/systemd/systemd /usr/lib/systemd/systemd; do
  [ ! -x "$init" ] || exec "$@" "$init"
done
"""


@dataclass(frozen=True)
class Limits:
    """Limits on the host's resources for a candidate."""

    memory: str = "4g"
    """A size as Docker writes it; no swap is added to it."""
    cpus: float | None = None
    """The number of processors; None for all of the host."""
    pids: int = 4096
    log_bytes: int = 16 * 1024 * 1024
    disk: str = "20g"
    """Limit of what it writes to its root and its volumes, a size as Docker writes it."""
    reach: tuple[str, ...] = ()
    """Hosts and ranges that stay open on a network of its own, where private ones are refused."""

    @property
    def disk_bytes(self) -> int:
        """The limit of what it may write, in bytes."""
        return int(parse_bytes(self.disk))

    @property
    def memory_bytes(self) -> int:
        """The limit of memory in bytes."""
        return int(parse_bytes(self.memory))


@dataclass(frozen=True)
class LaunchPlan:
    """The settings of a launch."""

    kind: LaunchKind
    isolation: str
    """The level, as resolved; see :mod:`certify.engine.isolation`."""
    install: tuple[str, ...] = ()
    """Capabilities to install at launch if the image lacks them."""
    network: str | None = None
    runtime: str | None = None
    """The runtime that was asked for by name; None for the engine's default."""
    host_users: bool = False
    """True to leave the user namespace that the engine puts containers into."""
    limits: Limits = field(default_factory=Limits)
    apparmor: bool = False
    """True if the engine confines with AppArmor, whose default profile forbids mounts."""
    dialect: Dialect = DOCKER
    """The engine's differences from Docker."""
    capabilities: tuple[str, ...] = CAPABILITIES
    """Rights of an init launch at level ``caps`` beyond the defaults of Docker."""
    unconfined: str = ""
    """The reason why certify's AppArmor profile is not used; empty without AppArmor, too."""
    pace: float = 1.0
    """Factor for every limit of time: 1 on an ordinary host, more on a slow one."""
    timeout: float = 0.0
    """Seconds that the checks have."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command of the container, a shell in place of its entrypoint; empty for ``image``."""
        if self.kind == "image":
            return ()
        return ("/bin/sh", "-c", self.script, "certify")

    @property
    def script(self) -> str:
        """The script of the shell, which then becomes the init, or waits."""
        return launch_script(self.kind, self.install, self.prepare)

    @property
    def prepare(self) -> str:
        """The commands that mount what an init needs, where the engine has not."""
        if self.isolation == "sysbox":
            return ""
        return _OWN_SYSCTLS if self.writable_cgroups else _OWN_CGROUPS + _OWN_SYSCTLS

    @property
    def writable_cgroups(self) -> bool:
        """True if the engine is asked to mount the candidate's own control groups writable."""
        rooted = self.isolation in ("caps", "apparmor") and not self.host_users
        return self.kind == "init" and rooted and self.dialect.writable_cgroups


def launch_script(kind: LaunchKind, install: Sequence[str], prepare: str) -> str:
    """Return the shell script that PID 1 runs first; ``prepare`` mounts what an init needs.

    It writes moments (seconds since the host booted) and phases to files in
    :data:`STATE_FOLDER`, and the output of installations to the container's log. After a restart
    of the container it runs again, and finds nothing missing.
    """
    head = (
        f'at() {{ read -r now rest </proc/uptime; echo "$1 $now" >>{STATE_FOLDER}/timeline; }}\n'
        f'phase() {{ echo "$1" >{STATE_FOLDER}/phase; }}\n'
        f"echo '{SHELL_RAN}'\nat launched\n"
    )
    if kind == "idle":
        # The container's standard input stays open, so the shell waits for ever.
        return head + "phase idle\nexec /bin/sh\n"
    return (
        head
        + packages.shell_helpers()
        + packages.install_function()
        + f"""\
missing=
for c in {" ".join(install)}; do if lacking $c; then missing="$missing $c"; fi; done
echo "$missing" >{STATE_FOLDER}/missing
if [ -n "$missing" ]; then
  phase installing
  at installing
  (LC_ALL=C; export LC_ALL; provide $missing) 2>&1
  echo $? >{STATE_FOLDER}/installed
  at installed
fi
"""
        + prepare
        + f"""\
phase booting
[ ! -e {NOTIFY_FOLDER}/socket ] || export NOTIFY_SOCKET={NOTIFY_FOLDER}/socket
"""
        + EXEC_INIT
        # Without an init, stay, so that the rest of the image can still be examined.
        + "phase idle\nexec /bin/sh\n"
    )


def seccomp_path() -> Path:
    """Return the path of the seccomp profile on this machine, for command lines."""
    return Path(str(resources.files("certify.engine").joinpath("seccomp.json")))


def seccomp_profile(*, confined: bool = False) -> str:
    """Return the seccomp profile for the engine's API: JSON without white space.

    If AppArmor has the say, calls that mount without asking it are as unknown as to an old kernel.
    """
    profile = json.loads(seccomp_path().read_text("utf-8"))
    if confined:
        for rule in profile["syscalls"]:
            rule["names"] = [name for name in rule["names"] if name not in NEW_MOUNTS]
        unknown = {"names": list(NEW_MOUNTS), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}
        profile["syscalls"].append(unknown)
    return json.dumps(profile, separators=(",", ":"))


def limits_config(plan: LaunchPlan, cpus: int) -> dict[str, Any]:
    """Return the limits of a launch for docker-py's ``create_host_config``.

    ``cpus`` is the host's number of processors.
    """
    limits = plan.limits
    config: dict[str, Any] = {
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.pids,
    }
    # Only if asked for: a rootless engine, or one without the cpu controller, refuses any.
    if limits.cpus:
        config["nano_cpus"] = int(min(limits.cpus, cpus) * 1_000_000_000)
    return config


def host_config(
    plan: LaunchPlan, *, cpus: int, volumes: Sequence[str], notify: Path | None
) -> dict[str, Any]:
    """Return the keyword arguments for docker-py's ``create_host_config``.

    ``cpus`` is the host's number of processors, ``volumes`` the names of those for :data:`STORAGE`,
    and ``notify`` the folder with the notification socket.
    """
    config = limits_config(plan, cpus) | {
        "log_config": {
            "Type": "json-file",
            "Config": {"max-size": str(plan.limits.log_bytes), "max-file": "1"},
        },
        "tmpfs": {STATE_FOLDER: "rw,nosuid,nodev,exec,mode=755,size=64m"},
        # An engine's daemon.json may add an init of its own in front of every container's.
        "init": False,
    }
    if plan.network:
        config["network_mode"] = plan.network
    if runtime := SYSBOX_RUNTIME if plan.isolation == "sysbox" else plan.runtime:
        config["runtime"] = runtime
    if plan.host_users:
        config["userns_mode"] = "host"
    if plan.kind != "init":
        return config
    # systemd itself would mount these on a whole machine.
    config["tmpfs"] |= {"/run": "rw,nosuid,nodev,exec,mode=755", "/run/lock": "rw,nosuid,nodev"}
    config["binds"] = [":".join(each) for each in zip(volumes, STORAGE, strict=True)]
    if notify is not None:
        # If the folder does not exist, a mount is refused; a bind would create it.
        mount = {"Type": "bind", "Source": str(notify), "Target": NOTIFY_FOLDER, "ReadOnly": True}
        config["mounts"] = [mount]
    if plan.isolation == "sysbox":
        return config
    config["cgroupns"] = "private"
    if plan.isolation == "privileged":
        config["privileged"] = True
        return config
    dialect = plan.dialect
    config["cap_add"] = [*plan.capabilities, *dialect.capabilities]
    if dialect.devices:
        config["devices"] = list(dialect.devices)
    confined = plan.isolation == "apparmor"
    seccomp = seccomp_path() if dialect.seccomp_by_path else seccomp_profile(confined=confined)
    config["security_opt"] = [f"seccomp={seccomp}"]
    if plan.writable_cgroups:
        config["security_opt"].append(WRITABLE_CGROUPS)
    if plan.apparmor:
        config["security_opt"].append(f"apparmor={profile_name() if confined else 'unconfined'}")
    return config
