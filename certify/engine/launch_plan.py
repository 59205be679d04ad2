"""How a candidate is started: which flags, which command, and why.

Three kinds of launch. ``init``: the image's systemd as PID 1, after whatever it
lacks was installed. ``idle``: a shell that waits. ``image``: the image's own
entrypoint. The latter two have no rights beyond the engine's defaults.

Pure: nothing here talks to an engine. ``docs/launching.md`` tells users the same.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from certify.engine import packages
from certify.model.result import Launch, LaunchKind

STATE_FOLDER = "/run/certify"
"""Where certify keeps its own files in a candidate: a tmpfs of its own."""
NOTIFY = f"{STATE_FOLDER}/notify"
"""Where the folder with the boot-completion socket is mounted, if the engine is local."""
SHELL_RAN = "certify: the shell runs"
"""First line of the container's log: proof that the image's shell works, even if it ends soon."""
STOP_SIGNAL = "SIGRTMIN+3"
"""Asks systemd for a clean halt (systemd(1), SIGNALS); SIGTERM would make it re-execute."""
ISOLATIONS = ("auto", "caps", "privileged", "sysbox")
SYSBOX_RUNTIME = "sysbox-runc"

# systemd needs its cgroups writable, and dockerd needs the network sysctls of its
# nested containers; everything else under /proc/sys stays read-only.
PREPARE = """\
for m in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ ! -d "$m" ] || mount -o remount,rw,bind "$m" 2>/dev/null || :
done
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,rw,bind /proc/sys/net || :
"""
EXEC_INIT = """\
export container=docker
for init in /sbin/init /lib/systemd/systemd /usr/lib/systemd/systemd; do
  [ ! -x "$init" ] || exec "$init"
done
"""


@dataclass(frozen=True)
class Limits:
    """What a candidate may take of the host."""

    memory: str = "4g"
    """As Docker writes it; swap is not added to it."""
    cpus: float | None = None
    """Null: all that the host has."""
    pids: int = 4096
    log_bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True)
class LaunchPlan:
    """A launch, decided: what the engine is asked for."""

    kind: LaunchKind
    isolation: str
    install: tuple[str, ...] = ()
    """Capabilities to install at launch if the image lacks them."""
    network: str | None = None
    limits: Limits = field(default_factory=Limits)
    apparmor: bool = False
    """The engine confines with AppArmor, whose default profile forbids mounts."""
    pace: float = 1.0
    """How many times as long as on an ordinary host everything may take in it."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command of the container; its entrypoint is replaced by a shell."""
        if self.kind == "image":
            return ()
        return ("/bin/sh", "-c", self.script, "certify")

    @property
    def script(self) -> str:
        """What the shell does before it becomes the init, or waits."""
        return launch_script(self.kind, self.install, mounts=self.isolation != "sysbox")


def launch_script(kind: LaunchKind, install: Sequence[str], *, mounts: bool) -> str:
    """The shell program that PID 1 starts as.

    It writes moments (seconds since the host booted) and phases to files in
    :data:`STATE_FOLDER`, and everything that it installs to the container's log. It may
    run again when the container is restarted, and then finds nothing missing.
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
        + packages.helpers()
        + packages.install_function()
        + f"""\
missing=
for c in {" ".join(install)}; do if lacking $c; then missing="$missing $c"; fi; done
echo "$missing" >{STATE_FOLDER}/missing
if [ -n "$missing" ]; then
  phase installing
  at installing
  provide $missing 2>&1
  echo $? >{STATE_FOLDER}/installed
  at installed
fi
"""
        + (PREPARE if mounts else "")
        + f"""\
phase booting
[ ! -e {NOTIFY}/socket ] || export NOTIFY_SOCKET={NOTIFY}/socket
"""
        + EXEC_INIT
        # No init to become: stay, so that the rest of the image can still be examined.
        + "phase idle\nexec /bin/sh\n"
    )


def seccomp_path() -> Path:
    """The seccomp profile as a file on this machine, for a command line to paste."""
    return Path(str(resources.files("certify.engine").joinpath("seccomp.json")))


def seccomp_profile() -> str:
    """The seccomp profile as the engine's API takes it: its JSON, without white space."""
    return json.dumps(json.loads(seccomp_path().read_text("utf-8")), separators=(",", ":"))


def host_config(plan: LaunchPlan, *, cpus: int, volume: str, notify: Path | None) -> dict[str, Any]:
    """Keyword arguments for docker-py's ``create_host_config``.

    ``cpus`` is what the host has; ``volume`` the name of the volume for
    ``/var/lib/docker``; ``notify`` a folder on the engine's own host.
    """
    limits = plan.limits
    config: dict[str, Any] = {
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "nano_cpus": int(min(limits.cpus or cpus, cpus) * 1_000_000_000),
        "pids_limit": limits.pids,
        "log_config": {
            "Type": "json-file",
            "Config": {"max-size": str(limits.log_bytes), "max-file": "1"},
        },
        "tmpfs": {STATE_FOLDER: "rw,nosuid,nodev,exec,mode=755,size=64m"},
        # An engine may be told to put an init of its own before all others (daemon.json).
        "init": False,
    }
    if plan.network:
        config["network_mode"] = plan.network
    if plan.kind != "init":
        return config
    # What systemd itself would mount on a machine of its own (systemd(1), file hierarchy).
    config["tmpfs"] |= {"/run": "rw,nosuid,nodev,exec,mode=755", "/run/lock": "rw,nosuid,nodev"}
    # overlay2 does not stack on the overlay of the container's own root.
    config["binds"] = [f"{volume}:/var/lib/docker"]
    if notify is not None:
        # Unlike a bind, a mount is refused, and no folder made, where there is none.
        mount = {"Type": "bind", "Source": str(notify), "Target": NOTIFY, "ReadOnly": True}
        config["mounts"] = [mount]
    if plan.isolation == "sysbox":
        config["runtime"] = SYSBOX_RUNTIME
        return config
    config["cgroupns"] = "private"
    if plan.isolation == "privileged":
        config["privileged"] = True
        return config
    config["cap_add"] = ["SYS_ADMIN", "NET_ADMIN"]
    config["security_opt"] = [f"seccomp={seccomp_profile()}"]
    if plan.apparmor:
        config["security_opt"].append("apparmor=unconfined")
    return config


def described(
    plan: LaunchPlan, image: str, platform: str | None, missing: Sequence[str], manager: str | None
) -> Launch:
    """A launch as a result tells it; a package ``manager`` installed what was ``missing``."""
    install = ""
    if missing and manager in {family.name for family in packages.families()}:
        install = packages.family(manager).install_line(missing)
    return Launch(
        kind=plan.kind,
        isolation=plan.isolation,
        command=plan.argv,
        missing=tuple(missing),
        reproduce=reproduce(plan, image, platform=platform, install=install),
    )


def reproduce(plan: LaunchPlan, image: str, *, platform: str | None, install: str = "") -> str:
    """The command line, to be pasted into a shell, that starts the image as certify did.

    ``install`` is the shell command that installs what was missing, if anything was.
    The container stays until it is removed with ``docker rm -fv certify-repro``.
    """
    # What is started as shipped has no more to read than it would have without certify.
    words = ["docker", "run", "-d" if plan.kind == "image" else "-di", "--name", "certify-repro"]
    if platform:
        words += ["--platform", platform]
    limits = plan.limits
    # Without --memory-swap the engine's command line adds as much swap again.
    words += [f"--memory={limits.memory}", f"--memory-swap={limits.memory}"]
    words += [f"--pids-limit={limits.pids}", "--init=false"]
    if limits.cpus:
        words.append(f"--cpus={limits.cpus:g}")
    if plan.network:
        words.append(f"--network={plan.network}")
    if plan.kind == "image":
        return shlex.join([*words, image])
    words += ["--user=0:0", "--no-healthcheck"]
    if plan.kind == "idle":
        return shlex.join([*words, "--entrypoint=/bin/sh", image])
    if plan.isolation == "sysbox":
        words.append(f"--runtime={SYSBOX_RUNTIME}")
    elif plan.isolation == "privileged":
        words += ["--privileged", "--cgroupns=private"]
    else:
        words += ["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN", "--cgroupns=private"]
        words.append(f"--security-opt=seccomp={seccomp_path()}")
        if plan.apparmor:
            words.append("--security-opt=apparmor=unconfined")
    words += [f"--stop-signal={STOP_SIGNAL}", "--tmpfs=/run:exec", "--tmpfs=/run/lock"]
    words += ["--volume=/var/lib/docker", "--entrypoint=/bin/sh"]
    prepare = "" if plan.isolation == "sysbox" else one_line(PREPARE)
    steps = [install, prepare, one_line(EXEC_INIT)]
    return shlex.join([*words, image, "-c", "; ".join(step for step in steps if step)])


def one_line(script: str) -> str:
    """A short shell script, folded into one line."""
    lines = [line.strip() for line in script.strip().splitlines()]
    return "".join(
        line + (" " if line.endswith(("do", "then")) or line.endswith(";") else "; ")
        for line in lines
    ).removesuffix("; ")
