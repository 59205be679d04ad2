"""Units of the candidate's systemd: those that failed, and what the image itself did to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from certify.suite import common_settings
from certify.suite.candidate import Candidate
from certify.suite.claims import proven
from certify.suite.elimination import culprits

WRONG_DEFAULTS = frozenset(
    f"{name}.target"
    for name in (
        "emergency", "rescue", "poweroff", "halt", "reboot", "kexec", "exit", "shutdown",
        "runlevel0", "runlevel1", "runlevel6",
    )
)  # fmt: skip
"""Targets for rescue or shutdown (systemd.special(7))."""

_ORDINARY = ("multi-user.target", "graphical.target")
_WORN_OUT = ("trigger-limit-hit", "service-start-limit-hit")
"""Results of a socket unit whose service was started for it, and did not come up."""
_TO_STAY_UP = 5.0
"""Seconds for a unit that systemd starts again."""


class Units:
    """The units of a candidate; a method that fails a check returns if there is no reason to."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate, self._run = candidate, candidate.run

    def property(self, name: str, unit: str = "") -> str:
        """Return a property of a unit, or of systemd itself; empty if it has none of that name.

        Without ``--value``, which systemctl knows since systemd 230.
        """
        words = ("systemctl show -p %s %s", name, unit) if unit else ("systemctl show -p %s", name)
        return str(self._run(*words).stdout.partition("=")[2].strip())

    def fail_with_default_target(self, problem: str) -> None:
        """Fail with a problem if the image's default target leads to no ordinary boot."""
        target = self._run("systemctl get-default").stdout.strip()
        loaded = self.property("LoadState", "default.target")
        if target in WRONG_DEFAULTS or loaded in ("not-found", "masked"):
            proven(
                f"{problem}: the image's default target is "
                + (f"{target}, which leads to no ordinary boot" if loaded == "loaded" else loaded),
                remedy="Set it in the image: systemctl set-default multi-user.target.",
            )

    def idle_target(self) -> str:
        """Return why docker.service, though enabled, was not started; empty if it was.

        That is so with a default target of the image's own without multi-user.target.
        """
        units = "multi-user.target docker.service docker.socket"
        asked = f"systemctl is-active {units}; systemctl get-default"
        states = self._run(f"{asked}; systemctl is-enabled docker.service").stdout.split()
        match states:
            case ["inactive", "inactive", "inactive", target, "enabled"] if target not in _ORDINARY:
                return f"the image's default target, {target}, starts nothing that is enabled"
        return ""

    def fail_with_generator(self, problem: str) -> None:
        """Fail with a problem if systemd still waits for a generator of the image."""
        pattern = "^/.*/system-generator[s]/[^/]+$"  # in brackets: not this command itself
        list_running = f"cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -aE '{pattern}'"
        if running := self._run(list_running).stdout.split():
            proven(
                f"{problem}: it still waits for its generator {running[0]}",
                remedy=f"Correct or remove {running[0]} in the image: systemd begins once all "
                "generators have ended, and gives them 90 s.",
            )

    def fail_with_mounts(self, failed: list[str], problem: str) -> None:
        """Fail with a problem if units that failed are mounts of /etc/fstab."""
        mounts = (each for each in failed if each.endswith(".mount"))
        own = [each for each in mounts if self.property("SourcePath", each) == "/etc/fstab"]
        if own:
            proven(
                f"{problem}: {', '.join(own)} of /etc/fstab failed",
                remedy="Remove the line from /etc/fstab in the image; with the option nofail, the "
                "boot goes on without the mount.",
            )

    def fail_with_journal_settings(self, problem: str, works: Callable[[], bool]) -> None:
        """Fail with a problem if the image's configuration of the journal brings it about."""

        def works_anew() -> bool:
            return self._run("systemctl restart systemd-journald", timeout=30).rc == 0 and works()

        self.fail_with_common_settings(problem, works_anew, common_settings.JOURNAL)

    def fail_with_common_settings(
        self,
        problem: str,
        works: Callable[[], bool],
        places: Sequence[str] = common_settings.SERVICES,
    ) -> None:
        """Fail with a problem if the image's files for every service bring it about.

        ``works`` tells whether what failed works now.
        """
        files = common_settings.listed(self._run, places)

        def works_without(some: Sequence[str]) -> bool:
            common_settings.put_aside(self._run, files, some)
            return works()

        try:
            found = culprits(list(files), works_without)
        finally:
            common_settings.put_aside(self._run, files, ())
        if found:
            proven(
                f"{problem} because of {' and '.join(found)}: without "
                f"{'them' if len(found) > 1 else 'it'}, it works",
                remedy=f"Remove {common_settings.remedy(found)} in the image.",
            )

    def fail_with_bus(self, problem: str) -> NoReturn:
        """Fail with a problem that users other than root have."""
        look = "systemctl status dbus.socket dbus.service --no-pager --lines=3"
        why, remedy = bus_fault(self._run(look).stdout)
        proven(f"{problem}: other users ask it by the system bus, which {why}", remedy=remedy)

    def starting(self) -> list[str]:
        """Return the units whose start systemd waits for."""
        jobs = self._run("systemctl list-jobs --no-legend --plain").stdout.splitlines()
        return [job.split()[1] for job in jobs if job.split()[-1:] == ["running"]]

    def start_with_another(self, *names: str) -> bool:
        """Return True if another unit, which is active or enabled, starts one of some units."""
        kinds = "-p WantedBy -p RequiredBy -p UpheldBy -p BoundBy"
        shown = self._run(f"systemctl show {kinds} {' '.join(names)}").stdout.splitlines()
        others = {unit for line in shown for unit in line.partition("=")[2].split()} - {*names}
        listed = " ".join(["%s"] * len(others))
        asked = f"systemctl -q is-active {listed} || systemctl -q is-enabled {listed}"
        return bool(others and self._run(asked, *sorted(others) * 2).rc == 0)

    def failed(self) -> list[str]:
        """Return the units that failed, and those that end each time that they are started.

        One that has ended, and is to be started again, has some seconds to stay up.
        """
        before = self._down()
        again = [unit for unit, state in before.items() if state != "failed"]

        def all_loop() -> bool:
            return all(map(self._loops, again))

        self._candidate.wait_for(all_loop, seconds=_TO_STAY_UP, pause=0.2)
        after = self._down() if again else before
        return [unit for unit in before if unit not in again or unit in after or self._loops(unit)]

    def was_asked_too_often(self, unit: str) -> bool:
        """Return True for dockerd's socket if it failed since its service does not start.

        Whoever asks it brings that about, certify as well; dockerd.running tells of the service.
        """
        return unit == "docker.socket" and self.property("Result", unit) in _WORN_OUT

    def _down(self) -> dict[str, str]:
        """Return the state of each unit that failed, or ended and is to be started again."""
        listed = self._run("systemctl list-units --state=failed,auto-restart --no-legend --plain")
        assert listed.rc == 0, "systemd's units cannot be listed"
        units = [line.split() for line in listed.stdout.splitlines() if line.split()]
        return {unit: state for unit, _load, _active, state, *_ in units}

    def _loops(self, unit: str) -> bool:
        return self.property("NRestarts", unit) not in ("", "0", "1")

    def status(self, names: list[str]) -> str:
        """Return the status of units, with their last lines in the journal.

        Where systemd's own lines about starting again took these, with the programs' last ones.
        """
        command = "systemctl status --no-pager --lines=5 --full"
        told = str(self._run(" ".join([command, *["%s"] * len(names)]), *names).stdout)
        if "Start request repeated too quickly" in told:
            command = "journalctl -b -q --no-pager -n 8"
            theirs = self._run(
                " ".join([command, *["%s"] * len(names)]), *(f"_SYSTEMD_UNIT={x}" for x in names)
            )
            told += theirs.stdout
        return told


def bus_fault(status: str) -> tuple[str, str]:
    """Return why the system bus does not answer, and the remedy, from the status of its units."""
    if "Loaded: masked" in status:
        return "is masked", "Let it start in the image: systemctl unmask dbus.socket dbus.service."
    if "Loaded: loaded" not in status:
        return "the image does not have", "Install dbus in the image."
    states = re.findall(r"Active: (\w+)", status)
    if {*states} == {"inactive"}:
        return (
            "no unit of the boot starts",
            "Let the boot start it in the image: systemctl add-wants sockets.target dbus.socket.",
        )
    return "does not answer", "See what keeps dbus.socket and dbus.service from working."
