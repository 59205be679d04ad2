"""Waits for a candidate to come up: by an event if possible, and always with a limit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from certify.engine.container import Container
from certify.engine.launch_plan import STATE_FOLDER
from certify.engine.session import SessionLost, Shell

# An event ends the wait at once; systemd is queried as well, in case none comes.
_EVENT_SECONDS = 0.5
_POLL_SECONDS = 0.05
_SETTLE_SECONDS = 0.2
# An init other than systemd never reports that it is up; it may be a script that becomes systemd.
_FOREIGN_SECONDS = 5.0
# The moment at which the boot ended, or 0. A stub that always says `running` has no such moment.
# Without --value, which systemctl knows since systemd 230.
_FINISHED = "systemctl show --property=FinishTimestampMonotonic"
# PID 1 by its name and its executable, as in the check systemd.pid1.
_FOREIGN = (
    "read -r n </proc/1/comm; "
    'case "$n $(readlink /proc/1/exe)" in "systemd /"*/systemd) ;; *) p=foreign ;; esac'
)


@dataclass(frozen=True)
class Boot:
    """The result of a launch, from its start until the init was up, or the wait ended."""

    ready: bool
    phase: str
    """The phase in which the wait ended: ``launching``, ``installing``, ``booting``, ``foreign``
    (PID 1 is an init, but not systemd), ``idle`` (no init), or ``image`` (its own command)."""
    missing: tuple[str, ...]
    """Capabilities that the image lacked, for the launch to install."""
    installed: int | None
    """Exit code of that installation; None if there was none."""
    timeline: dict[str, float]
    """The moment of each step, in seconds since the host booted."""
    timed_out_after: float | None = None
    """Seconds after which the wait for the end of ``phase`` was given up; None if it ended."""

    @property
    def provision_seconds(self) -> float | None:
        """Seconds that the installation took; None if there was none."""
        if "installed" not in self.timeline:
            return None
        return round(self.timeline["installed"] - self.timeline["installing"], 2)


def boot_timeouts(budgets: Mapping[str, float]) -> dict[str, float]:
    """Return the limits for :func:`wait_booted` that follow from a profile's budgets (seconds)."""
    return {
        "install_seconds": 2 * budgets.get("provision", 300),
        "boot_seconds": 4 * budgets.get("boot", 15),
    }


def seconds_since_init(run: Callable[[str], str], timestamp: str, unit: str = "") -> float | None:
    """Return the seconds from systemd's start to one of its timestamps, or None if it is not set.

    ``run`` runs a command line in the candidate and returns its output. Source:
    org.freedesktop.systemd1(5); both are microseconds of CLOCK_MONOTONIC.
    """
    start = "UserspaceTimestampMonotonic"
    show = f"systemctl show --property={start} --property={timestamp}"
    if unit:
        show = f"systemctl show --property={start}; systemctl show --property={timestamp} {unit}"
    values = dict(line.partition("=")[::2] for line in run(show).splitlines())
    begun, ended = (
        int(value) if (value := values.get(name, "").strip()).isdigit() else 0
        for name in (start, timestamp)
    )
    return round((ended - begun) / 1e6, 3) if begun and ended else None


def wait_booted(
    container: Container,
    meanwhile: Callable[[], None] = lambda: None,
    /,
    *,
    install_seconds: float,
    boot_seconds: float,
) -> Boot:
    """Wait until the init reports that it is up, or a phase takes longer than its limit.

    Limits are in seconds, and are multiplied by the container's pace. A local engine delivers an
    event; otherwise the state is polled. ``meanwhile`` is called between. Raises
    :class:`~certify.engine.container_state.ContainerStopped` if the container ends meanwhile, and
    :class:`~certify.engine.session.SessionLost` if the records of the launch cannot be read.
    """
    shell = container.shell()
    deadlines: dict[str, float] = {}
    # Each query slows the boot down, the more so on a slow host.
    pause = _EVENT_SECONDS if container.has_notifications else _POLL_SECONDS * container.pace
    while True:
        ready = container.wait_notified(pause)
        meanwhile()
        phase, finished = _phase(container, shell)
        ready = ready or (finished.isdigit() and int(finished) > 0)
        now = time.monotonic()
        limits = {"installing": install_seconds, "foreign": _FOREIGN_SECONDS}
        limit = limits.get(phase, boot_seconds) * container.pace
        late = now > deadlines.setdefault(phase, now + limit)
        if ready or phase == "idle" or late:
            timed_out_after = None if ready or phase == "idle" else limit
            return replace(_boot(shell, phase, ready), timed_out_after=timed_out_after)


def wait_settled(container: Container, is_settled: Callable[[], bool], *, seconds: float) -> Boot:
    """Poll until the image's own command has started its services, at most so many seconds.

    The limit is multiplied by the container's pace. Raises
    :class:`~certify.engine.container_state.ContainerStopped` if the container ends.
    """
    seconds *= container.pace
    deadline = time.monotonic() + seconds
    while True:
        container.require_running()
        ready = is_settled()
        if ready or time.monotonic() > deadline:
            late = None if ready else seconds
            return Boot(ready, "image", (), installed=None, timeline={}, timed_out_after=late)
        time.sleep(_SETTLE_SECONDS)


def _phase(container: Container, shell: Shell) -> tuple[str, str]:
    """Return the launch script's phase, and the moment at which systemd's boot ended, if any."""
    command = (
        f'read -r p <{STATE_FOLDER}/phase; [ "$p" != booting ] || {{ {_FOREIGN}; }}; echo $p; '
        f"[ ! -S /run/systemd/private ] || {_FINISHED}"
    )
    try:
        answer = shell.run(command, timeout=10)
    except SessionLost:
        container.require_running()
        return "launching", ""
    phase, _, finished = answer.stdout.decode("utf-8", "replace").partition("\n")
    return phase.strip() or "launching", finished.partition("=")[2].strip()


def _boot(shell: Shell, phase: str, ready: bool) -> Boot:
    answer = shell.run(
        f'cd {STATE_FOLDER} && for f in missing installed timeline; do echo "= $f"; '
        '[ ! -e $f ] || while read -r line; do echo "$line"; done <$f; done',
    )
    if answer.rc != 0:  # else an installation would pass for none
        raise SessionLost(f"the records of the launch could not be read: exit {answer.rc}")
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in answer.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("= "):
            lines = parts.setdefault(line[2:], [])
        else:
            lines.append(line)
    timeline = {}
    for line in parts.get("timeline", ()):
        step, _, moment = line.partition(" ")
        with contextlib.suppress(ValueError):
            timeline[step] = float(moment)
    installed = "".join(parts.get("installed", ())).strip()
    return Boot(
        ready=ready,
        phase=phase,
        missing=tuple(" ".join(parts.get("missing", ())).split()),
        installed=int(installed) if installed.isdigit() else None,
        timeline=timeline,
    )
