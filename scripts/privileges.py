"""Measure what a booting candidate with a nested container needs of the kernel.

    python -m scripts.privileges calls [SAMPLE...]    # needs root, strace and a local engine
    python -m scripts.privileges capabilities [SAMPLE...]

``calls`` traces a sample without any filter, and compares the system calls that succeeded with
``scripts/seccomp.toml``; ``capabilities`` leaves out one capability after the other.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from certify.engine import launch, launch_plan
from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped
from certify.engine.launch_plan import LaunchPlan
from certify.engine.probe.programs import echo, image_archive
from certify.model.errors import LaunchRefused
from scripts.seccomp import allowed_names

DOCKERS = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
"""The capabilities that Docker gives every container."""
_WORD = "the nested container runs"
_NESTED = "docker import /nested.tar nested >/dev/null && docker run --rm nested /probe"
_CALL = re.compile(r"^\d+ +(?:<\.\.\. )?([a-z_0-9]+)[( ].* = (-?\w+)(?: (\w+))?")


@dataclass(frozen=True)
class _HeldPlan(LaunchPlan):
    """A launch that waits for a line on its standard input before it does anything."""

    @property
    def script(self) -> str:
        return "read -r go\n" + super().script


@contextlib.contextmanager
def _launched(engine: Engine, sample: str, plan: LaunchPlan, **changes: Any) -> Iterator[Container]:
    config = launch_plan.host_config
    with (
        patch.object(launch, "host_config", lambda *args, **how: config(*args, **how) | changes),
        launch.launch_container(engine, f"certify-sample/{sample}", plan) as launched,
    ):
        nested = image_archive(echo(engine.architecture, _WORD.encode()))
        archive = launched.container.engine.client.api.put_archive
        archive(launched.container.id, "/", image_archive(nested, "nested.tar"))
        yield launched.container


def _problem(container: Container) -> str:
    """Boot and run a nested container; return what went wrong, empty if nothing did."""
    try:
        if not wait_booted(container, install_seconds=300, boot_seconds=60).ready:
            return "does not boot"
        units = container.shell().run("systemctl --failed --no-legend --plain").stdout.decode()
        ran = container.shell().run(_NESTED, timeout=60)
    except (ContainerStopped, LaunchRefused) as error:
        return str(error)
    failed = " ".join(line.split()[0] for line in units.splitlines())
    output = (ran.stdout + ran.stderr).decode("utf-8", "replace").strip()
    nested = "" if output == _WORD else output.splitlines()[-1] if output else "no output"
    return "; ".join(filter(None, (failed and f"failed: {failed}", nested)))


def calls(engine: Engine, sample: str) -> None:
    """Print the system calls of a sample that succeeded and are not allowed, most used first."""
    unconfined = ["seccomp=unconfined"] + (["apparmor=unconfined"] if engine.apparmor else [])
    plan = _HeldPlan("init", "caps", apparmor=engine.apparmor)
    with (
        tempfile.TemporaryDirectory() as folder,
        _launched(engine, sample, plan, security_opt=unconfined) as container,
    ):
        api: Any = engine.client.api
        pid = api.inspect_container(container.id)["State"]["Pid"]
        trace = Path(folder, "trace")
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "signal=none", "-o", trace, "-p", str(pid)]
        )
        try:
            while f"TracerPid:\t{strace.pid}" not in Path(f"/proc/{pid}/status").read_text():
                assert strace.poll() is None
            socket = api.attach_socket(container.id, params={"stdin": 1, "stream": 1})
            socket._sock.sendall(b"go\n")
            problem = _problem(container)
        finally:
            strace.terminate()
            strace.wait()
        with trace.open(encoding="utf-8", errors="replace") as lines:
            seen = Counter(
                (found[1], found[3] or "") for line in lines if (found := _CALL.match(line))
            )
    click.echo(f"{sample}: {problem or 'boots, and runs a nested container'}")
    allowed = allowed_names()
    click.echo(f"  {len({name for name, _ in seen})} system calls, of them not allowed:")
    for (name, error), times in seen.most_common():
        if name not in allowed:
            click.echo(f"  {name:<24} {times:>6} times  {error or 'succeeded'}")


def capabilities(engine: Engine, sample: str) -> None:
    """Print what fails without each capability."""
    for capability in DOCKERS:
        plan = LaunchPlan("init", "caps", apparmor=engine.apparmor)
        with _launched(engine, sample, plan, cap_drop=[capability]) as container:
            problem = _problem(container) or "nothing fails"
            click.echo(f"{sample:<18} without {capability:<17} {problem}")


def main(what: str = "", *samples: str) -> None:
    """Measure samples, by default the one that ships dockerd."""
    measure = {"calls": calls, "capabilities": capabilities}.get(what)
    if measure is None:
        raise SystemExit(__doc__)
    with Engine.connect() as engine:
        for sample in samples or ("debian-devspace",):
            measure(engine, sample)


if __name__ == "__main__":
    main(*sys.argv[1:])
