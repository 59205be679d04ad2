"""What certify does with a candidate from launch to end; none of it is evidence of a check."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from certify.engine import packages
from certify.engine.boot import Boot, boot_timeouts, wait_booted, wait_settled
from certify.engine.console_output import console_output
from certify.engine.container import Container, ContainerStopped, StopResult
from certify.engine.errors import APIError, launch_refusal
from certify.engine.launch_plan import SHELL_RAN
from certify.engine.session import KILLED
from certify.model.result import Image
from certify.suite.claims import unknown
from certify.suite.job import Job
from certify.suite.supervisor import Supervisor
from certify.util.text import one_line

STAYS_SECONDS = 2.0
"""What an image's own command must outlive to count as a service, not as a job."""


class Lifecycle:
    """A launched candidate: how it comes up, is stopped and started again."""

    def __init__(self, job: Job, container: Container, record: Callable[[str, Any], None]) -> None:
        self.job = job
        self.container = container
        self.record = record
        """Streams a fact: ``os``, ``package_manager``, ``missing``, ``boot_seconds``,
        ``dockerd_seconds``, ``provision_seconds``."""
        self.stopped: StopResult | None = None
        self.in_vain = 0.0
        """Seconds of the longest wait that was given up during a check."""

    @property
    def image(self) -> Image:
        """The image's facts."""
        return self.job.image

    @property
    def budgets(self) -> Mapping[str, float]:
        """The profile's budgets, in seconds."""
        return self.job.budgets

    def read_file(self, path: str) -> bytes | None:
        """A file's content through the engine; null if there is none."""
        return self.container.read_file(path)

    def logs(self, tail: int = 60) -> str:
        """The last lines of the container's log."""
        return self.container.logs(tail)

    def last_words(self) -> str:
        """What an init that ended early says where it has a console; its log has none of it."""
        return f"\nits console:\n{console_output(self.container.engine, self.container.id)}"

    def wait_for(
        self, condition: Callable[[], Any], *, seconds: float, pause: float = 0.02
    ) -> bool:
        """Poll a condition, at most so many seconds; whether it came true."""
        pace = self.container.pace
        seconds, pause = seconds * pace, pause * pace
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                self.in_vain = max(self.in_vain, seconds)
                return False
            time.sleep(pause)
        return True

    def shell_refusal(self) -> str:
        """Why the image's shell cannot be started; empty if it can.

        Raises :class:`ContainerStopped` where the shell would run beside what does not run.
        """
        if self.job.launch != "image":
            return self.job.refused
        assert self.boot
        return self.container.shell_refusal()

    def shell_ran(self) -> bool:
        """Whether the shell that the container was started with ran its first line.

        Under launch ``image`` the container was started with something else; a shell beside that
        is asked. Raises :class:`ContainerStopped` if somebody ended it before.
        """
        engine = self.container
        if self.job.launch != "image":
            self.wait_for(
                lambda: SHELL_RAN in engine.logs(2000) or not engine.state().running, seconds=15
            )
            if SHELL_RAN in engine.logs(2000):
                return True
        # A long installation may have pushed the line out of the log's end; then ask the shell.
        state = engine.state()
        if state.killed:
            engine.require_running()
        if not state.running:
            return False
        answer = engine.shell().run("echo here")
        if answer.rc == KILLED:
            unknown("the image's shell was killed, or did not answer in time")
        return answer.stdout == b"here\n"

    @cached_property
    def boot(self) -> Boot:
        """How the launch went; waits for it to end. Raises :class:`ContainerStopped`."""
        boot = self._wait()
        if boot.missing:
            self.record("missing", list(boot.missing))
            self.record("package_manager", self.family.name if self.family else None)
        if boot.installed == 0:
            self.record("provision_seconds", boot.provision_seconds)
        if boot.timed_out_after:
            budget = "provision" if boot.phase == "installing" else "boot"
            self.record("waited_in_vain", {"seconds": boot.timed_out_after, "budget": budget})
        return boot

    def _wait(self) -> Boot:
        waits = boot_timeouts(self.budgets)
        if self.job.launch != "image":
            return wait_booted(self.container, **waits)
        if self.job.refused:
            raise ContainerStopped(
                f"the image's own command cannot be started: {one_line(self.job.refused)}"
            )
        return wait_settled(self.container, self._settles(), seconds=waits["boot_seconds"])

    def _settles(self) -> Callable[[], bool]:
        """Tells when what the image's own command starts is up, by what is asked of it."""
        if self.job.liveness_check == "services.supervisord":
            return self.supervisor.settled
        begun = time.monotonic()
        return lambda: (
            time.monotonic() - begun > STAYS_SECONDS * self.container.pace
            and self.container.state().health != "starting"
        )

    @cached_property
    def supervisor(self) -> Supervisor:
        """supervisord in the candidate."""
        return Supervisor(self.container.shell)

    def stop(self) -> StopResult:
        """Ask it to stop, and wait for it."""
        allowed = 3 * self.budgets.get("shutdown", 10) * self.container.pace
        self.stopped = self.container.stop(int(allowed))
        self.record("shutdown_seconds", self.stopped.seconds)
        return self.stopped

    def start_again(self) -> Boot:
        """Start it again after :meth:`stop`, and wait for its boot.

        Raises :class:`~certify.model.errors.LaunchRefused` if the engine would not.
        """
        try:
            self.container.start()
        except APIError as error:
            raise launch_refusal(error) from error
        boot = self._wait()
        self.in_vain = max(self.in_vain, boot.timed_out_after or 0.0)
        return boot

    @cached_property
    def family(self) -> packages.Family | None:
        """The image's package-manager family, if it has one that certify knows."""
        shell = self.container.shell()  # not through the transcript: the script is no evidence
        answer = shell.run(packages.detect_script())
        if answer.rc != 0:
            unknown(f"the shell could not tell which package manager is there: exit {answer.rc}")
        name = answer.stdout.decode("utf-8", "replace").strip()
        return packages.family(name) if name in self.known_managers else None

    @property
    def known_managers(self) -> tuple[str, ...]:
        """The package managers that certify knows, by name."""
        return tuple(each.name for each in packages.families())

    @property
    def foreign(self) -> bool:
        """Whether the candidate is for another architecture than the engine's host."""
        return self.architecture != self.job.engine_platform.split("/")[1]

    @property
    def architecture(self) -> str:
        """The candidate's architecture, by OCI's name."""
        return (self.image.platform or self.job.engine_platform).split("/")[1]
