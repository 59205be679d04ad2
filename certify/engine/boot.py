"""Waiting for a candidate to come up: by event where there is one, and never for ever."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from certify.engine.container import Container
from certify.engine.launch_plan import STATE_FOLDER
from certify.engine.session import SessionLost, Shell

# The event ends the wait at once; between events systemd is also asked, in case none comes.
_EVENT_SECONDS = 0.5
_POLL_SECONDS = 0.05
_SETTLE_SECONDS = 0.2
# An init that is not systemd gives no sign of being up; it may be a script that becomes systemd.
_FOREIGN_SECONDS = 5.0
# When the boot was done, or 0: a moment, which a stand-in that always says `running` has none of.
_FINISHED = "systemctl show --value --property=FinishTimestampMonotonic"
# PID 1 by its name and its executable, wherever that is: as the check systemd.pid1 tells it.
_FOREIGN = (
    "read -r n </proc/1/comm; "
    'case "$n $(readlink /proc/1/exe)" in "systemd /"*/systemd) ;; *) p=foreign ;; esac'
)


@dataclass(frozen=True)
class Boot:
    """How a launch went, until the init said that it was done, or gave up."""

    ready: bool
    phase: str
    """Where the wait ended: ``launching``, ``installing``, ``booting``, ``foreign`` (PID 1
    is an init, but not systemd), ``idle`` (no init), or ``image`` (its own command runs)."""
    missing: tuple[str, ...]
    """Capabilities that the image lacked and the launch was to install."""
    installed: int | None
    """Exit code of that installation; null if there was none."""
    timeline: dict[str, float]
    """Moment of each step, in seconds since the host booted."""
    in_vain: float | None = None
    """Seconds that were waited for the end of ``phase``, if it did not come."""

    @property
    def provision_seconds(self) -> float | None:
        """Spent on installing; null if nothing was."""
        if "installed" not in self.timeline:
            return None
        return round(self.timeline["installed"] - self.timeline["installing"], 2)


def patience(budgets: Mapping[str, float]) -> dict[str, float]:
    """How long :func:`wait_booted` is to wait under a profile's budgets, which are in seconds."""
    return {
        "install_seconds": 2 * budgets.get("provision", 300),
        "boot_seconds": 4 * budgets.get("boot", 15),
    }


def since_init(ask: Callable[[str], str], timestamp: str, unit: str = "") -> float | None:
    """Seconds from the start of systemd to one of its own timestamps; null if it has none.

    ``ask`` runs a command line in the candidate and returns what it printed. Source:
    org.freedesktop.systemd1(5); both are microseconds of CLOCK_MONOTONIC.
    """

    def microseconds(command: str) -> int:
        said = ask(f"systemctl show --value --property={command}").strip()
        return int(said) if said.isdigit() else 0

    begun, ended = microseconds("UserspaceTimestampMonotonic"), microseconds(f"{timestamp} {unit}")
    return round((ended - begun) / 1e6, 3) if begun and ended else None


def wait_booted(container: Container, *, install_seconds: float, boot_seconds: float) -> Boot:
    """Wait until the init says that it is done, at most so many seconds for each phase
    (on a slow host as many times longer as the candidate's pace says).

    By event where the engine is local, otherwise by a short poll; every wait ends.
    Raises :class:`~certify.engine.container.CandidateStopped` if the container ends meanwhile,
    and :class:`~certify.engine.session.SessionLost` if in the end nobody tells how it went.
    """
    shell = container.shell()
    deadlines: dict[str, float] = {}
    # Asking costs the boot time, and the more the slower the host is.
    pause = _EVENT_SECONDS if container.has_events else _POLL_SECONDS * container.pace
    while True:
        ready = container.notified(pause)
        phase, asked = _phase(container, shell)
        ready = ready or (asked.isdigit() and int(asked) > 0)
        now = time.monotonic()
        usual = {"installing": install_seconds, "foreign": _FOREIGN_SECONDS}
        allowed = usual.get(phase, boot_seconds) * container.pace
        late = now > deadlines.setdefault(phase, now + allowed)
        if ready or phase == "idle" or late:
            in_vain = None if ready or phase == "idle" else allowed
            return replace(_boot(shell, phase, ready), in_vain=in_vain)


def wait_settled(container: Container, settled: Callable[[], bool], *, seconds: float) -> Boot:
    """Wait until what the image's own command starts has settled, at most so many seconds
    (on a slow host longer, as above).

    By a short poll. Raises :class:`~certify.engine.container.CandidateStopped` if it ends.
    """
    seconds *= container.pace
    deadline = time.monotonic() + seconds
    while True:
        container.must_run()
        ready = settled()
        if ready or time.monotonic() > deadline:
            in_vain = None if ready else seconds
            return Boot(ready, "image", missing=(), installed=None, timeline={}, in_vain=in_vain)
        time.sleep(_SETTLE_SECONDS)


def _phase(container: Container, shell: Shell) -> tuple[str, str]:
    """The launch script's phase, and what systemd says of itself, if it can be asked."""
    command = (
        f'read -r p <{STATE_FOLDER}/phase; [ "$p" != booting ] || {{ {_FOREIGN}; }}; echo $p; '
        f"[ ! -S /run/systemd/private ] || {_FINISHED}"
    )
    try:
        answer = shell.run(command, timeout=10)
    except SessionLost:
        container.must_run()
        return "launching", ""
    phase, _, asked = answer.stdout.decode("utf-8", "replace").partition("\n")
    return phase.strip() or "launching", asked.strip()


def _boot(shell: Shell, phase: str, ready: bool) -> Boot:
    answer = shell.run(
        f'cd {STATE_FOLDER} && for f in missing installed timeline; do echo "= $f"; '
        '[ ! -e $f ] || while read -r line; do echo "$line"; done <$f; done',
    )
    if answer.rc != 0:  # what was installed is not known; it must not pass for nothing
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
