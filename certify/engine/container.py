"""A candidate: a container that runs, and that is always removed again."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import Any

from certify.engine.archive import read_file
from certify.engine.attribution import refusal
from certify.engine.client import APIError, Engine, answering, telling
from certify.engine.ending import ended_from_outside
from certify.engine.notifications import Notices
from certify.engine.refusal_control import blames_image
from certify.engine.session import KILL_DESCENDANTS, KILLED, EngineStream, SessionLost, Shell

SHELL = "/bin/sh"
_ROOT = "0:0"
_STOP_TIMEOUT = 20
_FILE_LIMIT = 1024 * 1024
_OWN_SECONDS = 30.0  # for a shell that has next to nothing to do
_OWN_LIMIT = 4096
_PAUSE = 0.02
_RUNTIME_SAYS = "OCI runtime exec failed"  # in place of the output of what was not started
_NEVER = "0001-"
_ADDED = 1  # how the engine's API writes what `docker diff` shows as A


class ContainerStopped(Exception):
    """The container has ended; its :class:`ContainerState` says who ended it."""


@dataclass(frozen=True)
class ContainerState:
    """How the container stands."""

    running: bool
    exit_code: int
    oom_killed: bool
    health: str | None = None
    """What the image's own health check says: ``starting``, ``healthy`` or ``unhealthy``; null if
    it has none."""
    stopped: bool = False
    """It ended, and not by itself: somebody stopped it, or the engine did when that ended."""

    @property
    def killed(self) -> bool:
        """It was ended from outside: stopped, or by SIGKILL.

        That PID 1 gets only from outside (pid_namespaces(7)): from a person, another program, or
        the kernel of a host that ran out of memory.
        """
        return self.stopped or (not self.running and self.exit_code == KILLED)


@dataclass(frozen=True)
class Stopped:
    """How it went when it was asked to stop."""

    seconds: float
    exit_code: int

    @property
    def killed(self) -> bool:
        """It did not stop when asked, and the engine killed it."""
        return self.exit_code == KILLED


class Container:
    """A container, by its id. It belongs to whoever launched it; others attach."""

    def __init__(
        self, engine: Engine, container: str, notify: socket.socket | None, pace: float = 1.0
    ) -> None:
        self.engine = engine
        self.pace = pace
        """How many times as long as on an ordinary host everything may take in it."""
        self.id = container
        self._api = engine.client.api
        self._notices = Notices(notify) if notify else None
        self._shells: dict[str, Shell] = {}
        self._asked_to_stop = False
        self._outside: dict[str, bool] = {}  # by the moment at which it ended

    def start(self) -> None:
        """Start it, or start it again."""
        if self._notices is not None:
            self._notices.forget()
        with answering():
            self._api.start(self.id)
        self._asked_to_stop = False

    def state(self) -> ContainerState:
        """How it stands now.

        Raises :class:`~certify.model.errors.EngineUnavailable`, also where it was removed.
        """
        with telling("how the container stands"):
            state = self._api.inspect_container(self.id)["State"]
        running = bool(state.get("Running"))
        was_started = not str(state.get("StartedAt") or _NEVER).startswith(_NEVER)
        return ContainerState(
            running=running,
            exit_code=int(state.get("ExitCode") or 0),
            oom_killed=bool(state.get("OOMKilled")),
            health=(state.get("Health") or {}).get("Status"),
            stopped=not running and was_started and self._ended_from_outside(state),
        )

    def _ended_from_outside(self, state: dict[str, Any]) -> bool:
        """Asked at once and remembered, for the engine itself soon forgets."""
        when = str(state.get("FinishedAt"))
        if when not in self._outside:
            asked = self._asked_to_stop
            self._outside[when] = ended_from_outside(self._api, self.id, asked=asked)
        return self._outside[when]

    def stop(self, timeout: int = _STOP_TIMEOUT) -> Stopped:
        """Ask it to stop; after ``timeout`` seconds the engine kills it.

        Raises :class:`ContainerStopped` if it had ended before, or somebody else ended it.
        """
        self.close_shells()
        self.must_run()
        self._asked_to_stop = True
        begun = time.monotonic()
        with answering():
            self._api.stop(self.id, timeout=timeout)
        seconds = time.monotonic() - begun
        state = self.state()
        if state.stopped or (state.killed and seconds < timeout):
            raise ContainerStopped(_why_stopped(state))
        return Stopped(seconds, state.exit_code)

    def logs(self, tail: int = 200) -> str:
        """The last lines that it wrote, standard output and error together."""
        with telling("what the container wrote"):
            return self._api.logs(self.id, tail=tail).decode("utf-8", "replace")

    def shell(self, user: str = "") -> Shell:
        """The long-lived shell of a user (root by default)."""
        if user not in self._shells:
            self._shells[user] = Shell(lambda: self._connect(user), self._kill_below, self.pace)
        return self._shells[user]

    def shell_refusal(self) -> str:
        """Why the shell cannot be started beside what runs; empty if it can, and runs a command.

        Raises :class:`LaunchRefused` where that is not for what the image holds.
        """
        try:
            code, said = self._execute([SHELL, "-c", "exit 0"])
        except APIError as error:
            code, said = None, str(error.explanation or error)
        if code == 0:
            return ""
        self.must_run()
        if code is None or said.startswith(_RUNTIME_SAYS):
            if not blames_image(self.engine, said, SHELL):
                raise refusal(said, "a shell in the container")
        elif code == KILLED:
            raise SessionLost("it was killed")
        return said or f"exit code {code}"

    def _execute(self, argv: list[str]) -> tuple[int, str]:
        """Run a small program as root; its exit code, and the beginning of what it printed.

        Raises :class:`SessionLost` if it does not end in time.
        """
        said = bytearray()
        deadline = time.monotonic() + _OWN_SECONDS * self.pace
        with answering():
            made = self._api.exec_create(self.id, argv, user=_ROOT)["Id"]
            with contextlib.closing(EngineStream(self._api.exec_start(made, socket=True))) as end:
                try:
                    while True:
                        said += end.receive(deadline)[1][: _OWN_LIMIT - len(said)]
                except SessionLost:  # the end of what it prints
                    pass
                except TimeoutError:
                    raise SessionLost(f"{argv[0]} does not end") from None
            while (code := self._api.exec_inspect(made)["ExitCode"]) is None:
                if time.monotonic() > deadline:
                    raise SessionLost(f"{argv[0]} does not end")
                time.sleep(_PAUSE)
        return int(code), said.decode("utf-8", "replace").strip()

    def close_shells(self) -> None:
        """Give all shells up; the next command opens a new one."""
        for shell in self._shells.values():
            shell.close()

    def _connect(self, user: str) -> EngineStream:
        try:
            with answering():
                made = self._api.exec_create(self.id, [SHELL], stdin=True, user=user or _ROOT)
                return EngineStream(self._api.exec_start(made["Id"], socket=True))
        except APIError as error:
            self.must_run()
            raise SessionLost(str(error.explanation or error)) from error

    def _kill_below(self, pid: int) -> None:
        with contextlib.suppress(APIError, SessionLost):
            self._execute([SHELL, "-c", KILL_DESCENDANTS, "certify", str(pid)])

    def must_run(self) -> None:
        """Raises :class:`ContainerStopped`, with the reason, if it does not run."""
        state = self.state()
        if not state.running:
            raise ContainerStopped(_why_stopped(state))

    def read_file(self, path: str, limit: int = _FILE_LIMIT) -> bytes | None:
        """A file's first ``limit`` bytes, without help from the image; null if there is none."""
        return read_file(self._api, self.id, path, limit)

    def added(self) -> frozenset[str]:
        """Paths that are in it and were not in its image."""
        with telling("what was added to the container"):
            changes = self._api.diff(self.id) or ()
        return frozenset(each["Path"] for each in changes if each["Kind"] == _ADDED)

    @property
    def has_events(self) -> bool:
        """Whether boot completion arrives as an event; otherwise it must be polled for."""
        return self._notices is not None

    def notified(self, seconds: float) -> bool:
        """Whether ``READY=1`` came within so many seconds (sd_notify(3)); waits that long."""
        if self._notices is None:
            time.sleep(seconds)  # the pause of a poll: a remote engine sends no event
            return False
        return self._notices.ready(seconds)


def _why_stopped(state: ContainerState) -> str:
    if state.oom_killed:
        return "the container was killed because it ran out of the memory that it was given"
    if state.exit_code == KILLED:
        return "the container was killed from outside: by somebody, or by a host without memory"
    if state.stopped:
        return "the container was stopped from outside: by somebody, or with its engine"
    return f"the container ended by itself with exit code {state.exit_code}"
