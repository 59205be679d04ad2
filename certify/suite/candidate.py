"""The candidate: the image under certification, running, as the author of a check sees it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, NoReturn

from certify.engine import packages
from certify.engine.boot import seconds_since_init
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped, StopResult
from certify.engine.session import KILLED, SessionLost
from certify.judge import control, fetching, refresh_output
from certify.judge.kernel_text import default_gateway
from certify.judge.support import end_of_support
from certify.model.errors import Trouble
from certify.model.terms import Fault
from certify.suite import modes, own_settings, own_variables
from certify.suite.claims import blocked_by, not_applicable, proven, unknown
from certify.suite.commands import Commands
from certify.suite.job import Job
from certify.suite.os_release import os_fact, parse_os_release
from certify.util.text import printable


class Candidate(Commands):
    """The candidate of this run: commands, files, facts about it, its boot and its shutdown."""

    def __init__(self, job: Job, container: Container, record: Callable[[str, Any], None]) -> None:
        super().__init__(job, container, record)
        self.nonce = secrets.token_hex(8)
        """A word made up for this run: output that contains it cannot have been prepared."""
        self.user = f"certify{secrets.token_hex(3)}"
        """The name of the user that ``workspace.user`` creates."""
        self.boot_seconds: float | None = None
        """The time of the first boot in seconds, once ``startup.boot`` has measured it."""
        self.missing_at_stop: set[str] = set()
        """Capabilities that the candidate lacked when :meth:`stop` was called."""
        self.ran_nested = False
        """True if dockerd had run a container, and was up, when :meth:`stop` was called."""
        self.users_file = ""
        """The file that ``workspace.user`` had written when :meth:`stop` was called, or empty."""
        self._kept_seconds: dict[tuple[str, str], float | None] = {}
        self.control_results: Callable[[Sequence[str]], control.ControlResults] = lambda _urls: {}
        """Tries URLs from certify's own container, and returns the result of each."""

    # Facts about the image

    @cached_property
    def os_release(self) -> dict[str, str] | None:
        """The keys and values of ``/etc/os-release`` (os-release(5)); None without such a file."""
        for path in ("/etc/os-release", "/usr/lib/os-release"):
            content = self.read_file(path)
            if content is not None:
                release = parse_os_release(printable(content))
                if release.get("ID"):
                    self.record("os", os_fact(release))
                return release
        return None

    @property
    def end_of_support(self) -> date | None:
        """The last day of the distribution's support; None if nobody has named one."""
        return end_of_support(self.os_release or {})

    def require_support(self, id: str, name: str, version: str, *, packaged: bool) -> str:
        """Return a note on the last day of a program's support, which must not have passed.

        ``id`` is the program's name in ``support.toml``, ``name`` that for people. One that is
        ``packaged`` by the distribution is supported as long as that. Skips the check if nobody
        has named a day.
        """
        days = [end_of_support({"ID": id, "VERSION_ID": version})]
        days += [self.end_of_support] if packaged else []
        last = max(filter(None, days), default=None)
        if last is None:
            not_applicable(f"nobody has named a day on which {name} {version} ends")
        assert datetime.now(UTC).date() <= last, f"support of {version} ended on {last}"
        return f"until {last}"

    @cached_property
    def image_configuration(self) -> dict[str, Any]:
        """The image's own ``Config`` by Docker's API: ``User``, ``Entrypoint``, ``Labels``, …"""
        return self.container.image_configuration()

    @cached_property
    def gateway(self) -> str | None:
        """The address of the default gateway of the candidate's network; None without one."""
        order = self.container.engine.byte_order
        routes = self.container.shell().run("cat /proc/net/route")  # which is no evidence
        return default_gateway(routes.stdout.decode("ascii", "replace"), order)

    def shipped_without(self, capability: str) -> bool:
        """Return True if the image lacked a capability before the launch installed anything.

        Capabilities are those that a profile's ``install`` can name, such as ``systemd``.
        """
        if self.job.launch == "init" and capability in self.job.install:
            return capability in self.boot.missing
        return self.is_missing(capability)

    def is_missing(self, capability: str) -> bool:
        """Return True if the candidate lacks a capability now."""
        answer = self.run(packages.shell_helpers() + f"lacking {capability}")
        if answer.rc not in (0, 1):
            unknown(f"the shell could not tell whether {capability} is missing: exit {answer.rc}")
        return bool(answer.rc == 0)

    # Causes

    def defer_to(self, check_id: str, reason: str) -> None:
        """Skip this check if the run includes a check that reports the same cause better.

        Otherwise return, and the caller fails.
        """
        if not self.job.checks or check_id in self.job.checks:
            blocked_by(check_id, reason)

    def fail_if_hidden(self, program: str, works: Callable[[str], bool]) -> None:
        """Fail if another program on the PATH hides the system's own, which works; else return.

        ``works`` tells whether a program, given by its path, does what was asked of it.
        """
        found = self.run("command -v %s", program).stdout.strip()
        for own in (f"/usr/bin/{program}", f"/usr/sbin/{program}"):
            if self.run("[ -x %s ] && ! [ %s -ef %s ]", own, own, found).rc == 0 and works(own):
                proven(
                    f"{found} hides {own}, which works",
                    remedy=f"Remove {found} from the image, or put {own.rpartition('/')[0]} before "
                    "its folder in ENV PATH.",
                )

    def fail_if_by_variable(self, problem: str, works: Callable[[str], bool]) -> None:
        """Fail with a problem if a variable of the image (``ENV``) brings it about; else return.

        ``works`` tells whether it works when its command follows a prefix, ``env -u NAME``. A
        command that was killed proves nothing, and is not tried again.
        """
        if any(each.rc == KILLED for each in self.transcript):
            return
        if found := own_variables.hindering(self.image_configuration.get("Env") or (), works):
            listed = " ".join(found)
            proven(
                f"{problem} because of the image's ENV {listed}: without it, it works",
                remedy=f"Remove ENV {listed} from the image's Dockerfile.",
            )

    def fail_if_not_executable(self, *programs: str, reported_by: str = "") -> None:
        """Fail if one of some programs is in the image, and not executable; else return.

        With the id of another check of the run, that one fails instead.
        """
        if found := self.run(modes.list_not_executable(programs)).stdout.split():
            reason = f"{found[0]} is in the image, but not executable"
            remedy = f"Make it executable in the image: chmod 755 {found[0]}."
            self._fail_once(reason, remedy, reported_by)

    def fail_if_unusable(self, capability: str) -> None:
        """Fail if what a missing capability needs is in the image, but cannot be used."""
        self.fail_if_not_executable(*modes.PROGRAMS.get(capability, ()))
        if capability == "download" and (self.has("curl") or self.has("wget")):
            asked = self.run(f'{packages.shell_helpers()}ca_bundle || echo "$broken"')
            if broken := asked.stdout.strip():
                proven(
                    f"the bundle of CA certificates, {broken}, holds no certificate",
                    remedy="Make it anew at the end of the image's build: update-ca-certificates "
                    "--fresh (Fedora and its relatives: update-ca-trust).",
                )

    def fail_if_closed(self, *folders: str, reported_by: str = "") -> None:
        """Fail if a folder of the system, or one of ``folders``, is closed to users; else return.

        So is an /etc that is read-only. With the id of another check of the run, that one fails
        instead.
        """
        wanted = (*modes.OPEN_FOLDERS, *folders)
        reason, remedy = modes.closed(self.run(modes.list_modes(wanted)).stdout, wanted)
        if reason:
            self._fail_once(reason, remedy, reported_by)

    def _fail_once(self, reason: str, remedy: str, reported_by: str) -> NoReturn:
        """Fail for a reason, unless another check of the run reports it."""
        if reported_by:
            self.defer_to(reported_by, f"needs {reported_by}: {reason}")
        proven(reason, remedy=remedy)

    def prove_bad_sources(self, output: str) -> str:
        """Return the proof that a failed refresh is the image's fault; empty if there is none.

        ``output`` is that of the package manager. Raises :class:`Trouble` if the network is
        proven to be at fault.
        """
        urls = control.control_urls(output, self.os_release)
        results = self.control_results(urls) if urls else {}
        fault, proof = control.attribute_refresh(output, self.os_release, results) or (None, "")
        if fault is Fault.NETWORK:
            raise Trouble(f"the package lists could not be fetched: {proof}", fault=fault)
        return proof

    def require_servers(self, output: str, seconds: float) -> None:
        """Blame a server if something was still being fetched when a command's time was over.

        ``output`` is that of the package manager, which had so many seconds. Raises
        :class:`Trouble` if a server is silent for certify's own container, too; if all answer it,
        one of them may be slow, and the check is unknown.
        """
        if not fetching.is_fetching(output):
            return
        urls = fetching.named_repositories(self.run(own_settings.REPOSITORIES).stdout)
        results = self.control_results(urls) if urls else {}
        if silent := fetching.silent_servers(urls, results):
            raise Trouble(
                f"a server did not answer: {', '.join(silent)} for certify's own container either",
                fault=Fault.NETWORK,
            )
        if urls:
            unknown(
                f"the package manager was still fetching after {seconds:.0f} s; certify's own "
                "container reaches its servers, so one of them may be slow"
            )

    def setting_behind(self, output: str) -> tuple[str, str]:
        """Return the setting of the image behind a failed refresh, and its remedy, or empty texts.

        ``output`` is that of the package manager. A source inside the image has a remedy alone.
        """
        env = self.image_configuration.get("Env") or ()
        found = own_settings.setting_behind(output, env, self.run(own_settings.NETWORK).stdout)
        return found[0], found[1] or refresh_output.remedy_inside(output)

    def first_boot(self) -> tuple[str, str] | None:
        """Return a reason and its remedy if systemd takes this boot for the first one of a machine.

        It then enables units by their presets. Source: machine-id(5), "First Boot Semantics".
        """
        # The file is there until the boot has completed; the target is reached on first boots only.
        trace = "[ -e /run/systemd/first-boot ] || systemctl is-active first-boot-complete.target"
        if self.run(trace, timeout=15).rc != 0:
            return None
        return (
            "/etc/machine-id is missing, or says uninitialized, so that systemd enables units by "
            "their presets",
            "Leave an empty /etc/machine-id in the image (: >/etc/machine-id): systemd then keeps "
            "to the units that the image enables.",
        )

    def masked_docker(self) -> tuple[str, str] | None:
        """Return the units that dockerd needs and the image masks, and the remedy; None if none."""
        list_masked = "systemctl list-unit-files --state=masked --no-legend --plain"
        names = "docker.service docker.socket containerd.service"
        listed = self.run(f"{list_masked} {names}").stdout.splitlines()
        units = [each.split()[0] for each in listed if each.strip()]
        if not units:
            return None
        remedy = f"Let them start in the image: systemctl unmask {' '.join(units)}."
        return f"the image masks {', '.join(units)}", remedy

    def boot_evidence(self) -> str:
        """Return the log, the failed units, the waiting jobs and the journal's warnings."""
        parts = [f"log of the container:\n{self.logs()}"]
        for title, command in (
            ("failed units", "systemctl --failed --no-legend --plain"),
            ("jobs", "systemctl list-jobs --no-legend"),
            ("journal", "journalctl -b -p warning --no-pager -n 40"),
        ):
            try:
                answer = self.run(command, timeout=15)
            except (SessionLost, ContainerStopped):
                break
            if answer.rc == 0 and answer.stdout.strip():
                parts.append(f"{title}:\n{answer.stdout.rstrip()}")
        return "\n".join(parts)

    # Boot and shutdown

    def systemd_seconds(self, timestamp: str, unit: str = "") -> float | None:
        """Return the seconds from the start of systemd to one of its or a unit's timestamps.

        ``timestamp`` is a property that ``systemctl show`` prints, such as
        ``ActiveEnterTimestampMonotonic``. None if systemd has not reached it.
        """
        if (timestamp, unit) in self._kept_seconds:
            return self._kept_seconds[timestamp, unit]
        return seconds_since_init(lambda command: str(self.run(command).stdout), timestamp, unit)

    def keep_seconds(self, unit: str) -> None:
        """Keep when a unit was started and became active, before it is restarted for a trial."""
        for name in ("ActiveEnter", "InactiveExit"):
            timestamp = f"{name}TimestampMonotonic"
            self._kept_seconds[timestamp, unit] = self.systemd_seconds(timestamp, unit)

    def stop(self) -> StopResult:
        """Stop the candidate as ``docker stop`` does, and wait for its end."""
        self.missing_at_stop = {each for each in self.job.install if self.is_missing(each)}
        self.ran_nested = self.run("[ -e /run/certify/ran ] && systemctl is-active docker").rc == 0
        self.users_file = self.run("cat /run/certify/users-file 2>/dev/null").stdout.strip()
        return super().stop()
