"""The life of a candidate: boot, log, stop, start; none of its commands become evidence."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cached_property
from typing import Any

from certify.engine import packages
from certify.engine.boot import Boot, boot_timeouts, wait_booted, wait_settled
from certify.engine.console_output import console_output
from certify.engine.container import Container
from certify.engine.container_state import ContainerStopped, StopResult
from certify.engine.errors import APIError, launch_refusal
from certify.engine.launch_plan import SHELL_RAN
from certify.engine.own_command import run_by_entrypoint
from certify.engine.probe.programs import UnsupportedArchitecture, echo
from certify.engine.session import KILLED, SessionLost, is_silent
from certify.suite.claims import proven, unknown
from certify.suite.job import Job
from certify.suite.supervisor import Supervisor
from certify.util.text import one_line

_SERVICE_SECONDS = 2.0
"""An image's own command that runs for this time counts as a service, not as a job."""


class Lifecycle:
    """A launched candidate, from its boot to its end."""

    def __init__(self, job: Job, container: Container, record: Callable[[str, Any], None]) -> None:
        self.job = job
        self.container = container
        self.record = record
        """Records a fact in the result: ``os``, ``package_manager``, ``missing``, or one of
        ``boot_seconds``, ``dockerd_seconds`` and ``provision_seconds``."""
        self.image = job.image
        """The image's reference, digest, platform, size and layers."""
        self.budgets = job.budgets
        """The profile's budgets, in seconds: ``boot``, ``dockerd``, ``provision``, ``shutdown``,
        and ``ready`` for a service."""
        self.engine_platform = job.engine_platform
        """The platform of the engine's host, such as ``linux/amd64``."""
        self.expected_platform = job.requested_platform or job.engine_platform
        """The platform that was requested, or else that of the engine's host."""
        self.architecture = (job.image.platform or job.engine_platform).split("/")[1]
        """The candidate's architecture by OCI's name, such as ``arm64``."""
        self.is_foreign = self.architecture != job.engine_platform.split("/")[1]
        """True if that is not the architecture of the engine's host."""
        self.known_package_managers = tuple(each.name for each in packages.families())
        self.stopped: StopResult | None = None
        """The duration and exit code of the last :meth:`stop`; None before it."""
        self.late_units: list[str] = []
        """Units that the last :meth:`stop` still waited for when its budget was over."""
        self.longest_wait = 0.0
        """Seconds of the longest wait of this check that ended without success."""

    def read_file(self, path: str) -> bytes | None:
        """Return a file's content, read by the engine; None if there is no such file."""
        return self.container.read_file(path)

    def has_file(self, path: str) -> bool:
        """Return True if the engine sees a file or a folder at a path."""
        return self.container.has_path(path)

    def added_files(self) -> frozenset[str]:
        """Return the paths that were added since the container was created."""
        return self.container.added_paths()

    def logs(self, tail: int = 60) -> str:
        """Return the last lines of the container's log."""
        return self.container.logs(tail)

    def run_by_entrypoint(self, *command: str, seconds: float = 20) -> str:
        """Return the output of a command that the image's own entrypoint is given to run.

        It runs in another container, without a network, for at most ``seconds``.
        """
        begun, allowed = time.monotonic(), seconds * self.container.pace
        output = run_by_entrypoint(
            self.container.engine,
            self.image.image_id or self.image.reference,
            list(command),
            seconds=allowed,
            platform=self.job.requested_platform,
        )
        if time.monotonic() - begun >= allowed:
            self.longest_wait = max(self.longest_wait, allowed)
        return output

    def console_output(self) -> str:
        """Return the messages that an init prints only to a console, from another start of it."""
        return f"\nits console:\n{console_output(self.container.engine, self.container.id)}"

    def require_running(self) -> None:
        """Raise :class:`ContainerStopped` if the container has ended."""
        self.container.require_running()

    def wait_for(
        self, condition: Callable[[], Any], *, seconds: float, pause: float = 0.02
    ) -> bool:
        """Call a condition until it is true, and return True; False after so many seconds.

        ``pause`` is the time between two calls. Both are longer on a slow host.
        """
        pace = self.container.pace
        seconds, pause = seconds * pace, pause * pace
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.longest_wait = max(self.longest_wait, seconds)
                return False
            time.sleep(pause)
        return True

    # The shell

    def shell_error(self) -> str:
        """Return the reason why the image's shell cannot be started; empty if it can.

        Raises :class:`ContainerStopped` if the image's own command was to run and has ended.
        """
        if self.job.launch != "image":
            return self.job.start_error
        assert self.boot
        return self.container.shell_refusal()

    def shell_runs(self) -> bool:
        """Return True if the shell that the container was started with ran a command.

        Under launch ``image`` the shell runs beside the image's own command instead. Fails the
        check if the shell alone is silent. Raises :class:`ContainerStopped` if somebody else
        stopped the container before.
        """
        container = self.container
        if self.job.launch != "image":
            self.wait_for(
                lambda: SHELL_RAN in container.logs(2000) or not container.state().running,
                seconds=15,
            )
            if SHELL_RAN in container.logs(2000):
                return True
        # A long installation may have pushed the line out of the log's end; then run a command.
        state = container.state()
        if state.killed:
            self.require_running()
        if not state.running:
            return False
        try:
            answer = container.shell().run("echo here")
        except SessionLost as lost:
            if is_silent(lost) and self._runs_programs() and self._is_silent_again():
                proven("/bin/sh was started, and says nothing; a program of certify's own runs")
            raise
        if answer.rc == KILLED:
            unknown("the image's shell was killed, or did not answer in time")
        return answer.stdout == b"here\n"

    def _is_silent_again(self) -> bool:
        """Return True if another shell, by another connection to the engine, says nothing, too."""
        self.container.close_shells()
        try:
            self.container.shell().open()
        except SessionLost as lost:
            return is_silent(lost)
        return False

    def _runs_programs(self) -> bool:
        """Return True if a program of certify's own runs in the candidate, without its shell."""
        with suppress(APIError, ContainerStopped, SessionLost, UnsupportedArchitecture):
            word = secrets.token_hex(8)
            return self.container.output_of(echo(self.architecture, word.encode())) == word
        return False

    # The boot, the end, and the next start

    @cached_property
    def boot(self) -> Boot:
        """The outcome of the launch, after its end. Raises :class:`ContainerStopped`."""
        boot = self._wait_for_boot()
        if boot.missing:
            manager = self.package_manager
            self.record("missing", list(boot.missing))
            self.record("package_manager", manager.name if manager else None)
        if boot.installed == 0:
            self.record("provision_seconds", boot.provision_seconds)
        if boot.timed_out_after:
            budget = "provision" if boot.phase == "installing" else "boot"
            self.record("waited_in_vain", {"seconds": boot.timed_out_after, "budget": budget})
        return boot

    def _wait_for_boot(self) -> Boot:
        limits = boot_timeouts(self.budgets.model_dump())
        if self.job.launch != "image":
            return wait_booted(self.container, **limits)
        if self.job.start_error:
            raise ContainerStopped(
                f"the image's own command cannot be started: {one_line(self.job.start_error)}"
            )
        return wait_settled(self.container, self._settles(), seconds=limits["boot_seconds"])

    def _settles(self) -> Callable[[], bool]:
        """Return a condition that is true once the image's own services have started."""
        if self.job.liveness_check == "services.supervisord":
            return self.supervisor.has_settled
        begun = time.monotonic()
        return lambda: (
            time.monotonic() - begun > _SERVICE_SECONDS * self.container.pace
            and self.container.state().health != "starting"
        )

    def stop(self) -> StopResult:
        """Stop the candidate as ``docker stop`` does, and wait for its end."""
        allowed = 3 * self.budgets.shutdown * self.container.pace
        with ThreadPoolExecutor(1) as pool:
            end = pool.submit(self.container.stop, int(allowed))
            over = not wait([end], self.budgets.shutdown).done
            self.late_units = self._stopping_units() if over else []
            self.stopped = end.result()
        self.record("shutdown_seconds", self.stopped.seconds)
        return self.stopped

    def _stopping_units(self) -> list[str]:
        """Return the units that systemd is stopping; empty if it cannot tell."""
        with suppress(SessionLost, ContainerStopped):
            jobs = self.container.shell().run("systemctl list-jobs --no-legend --plain")
            words = (line.split() for line in jobs.stdout.decode("utf-8", "replace").splitlines())
            self.container.close_shells()
            return [each[1] for each in words if each[2:] == ["stop", "running"]]
        return []

    def start_again(self) -> Boot:
        """Start the candidate after :meth:`stop`, and wait for its boot.

        Raises :class:`~certify.model.errors.LaunchRefused` if the engine does not start it.
        """
        try:
            self.container.start()
        except APIError as error:
            raise launch_refusal(error) from error
        boot = self._wait_for_boot()
        self.longest_wait = max(self.longest_wait, boot.timed_out_after or 0.0)
        return boot

    # Programs of the image

    @cached_property
    def package_manager(self) -> packages.Family | None:
        """The image's package manager; None if it has none that certify knows."""
        shell = self.container.shell()  # not through the transcript: the script is no evidence
        answer = shell.run(packages.detect_script())
        if answer.rc != 0:
            unknown(f"the shell could not tell which package manager is there: exit {answer.rc}")
        name = answer.stdout.decode("utf-8", "replace").strip()
        return packages.family(name) if name in self.known_package_managers else None

    @cached_property
    def supervisor(self) -> Supervisor:
        """The candidate's supervisord and the programs that it runs."""
        return Supervisor(self.container.shell)
