"""A candidate: a container that runs, and that is always removed again."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass

from certify.engine.archive import read_file
from certify.engine.client import APIError, Engine, answering
from certify.engine.notices import Notices
from certify.engine.session import KILL_DESCENDANTS, KILLED, EngineStream, SessionLost, Shell

SHELL = "/bin/sh"
_ROOT = "0:0"
_STOP_TIMEOUT = 20
_FILE_LIMIT = 1024 * 1024


class CandidateStopped(Exception):
    """The container ended by itself; its log says why, if anything does."""


@dataclass(frozen=True)
class State:
    """How the container stands."""

    running: bool
    exit_code: int
    oom_killed: bool
    error: str
    health: str | None = None
    """What the image's own health check says: ``starting``, ``healthy`` or ``unhealthy``; null if
    it has none."""

    @property
    def killed(self) -> bool:
        """It was ended by SIGKILL, which PID 1 gets only from outside (pid_namespaces(7)).

        From a person, another program, or the kernel of a host that ran out of memory.
        """
        return not self.running and self.exit_code == KILLED


@dataclass(frozen=True)
class Stopped:
    """How it went when it was asked to stop."""

    seconds: float
    exit_code: int

    @property
    def killed(self) -> bool:
        """It did not stop when asked, and the engine killed it."""
        return self.exit_code == KILLED


class Candidate:
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

    def start(self) -> None:
        """Start it, or start it again."""
        if self._notices is not None:
            self._notices.forget()
        with answering():
            self._api.start(self.id)

    def state(self) -> State:
        """How it stands now."""
        with answering():
            state = self._api.inspect_container(self.id)["State"]
        return State(
            running=bool(state.get("Running")),
            exit_code=int(state.get("ExitCode") or 0),
            oom_killed=bool(state.get("OOMKilled")),
            error=str(state.get("Error") or ""),
            health=(state.get("Health") or {}).get("Status"),
        )

    def stop(self, timeout: int = _STOP_TIMEOUT) -> Stopped:
        """Ask it to stop; after ``timeout`` seconds the engine kills it."""
        self.close_shells()
        begun = time.monotonic()
        with answering():
            self._api.stop(self.id, timeout=timeout)
        return Stopped(time.monotonic() - begun, self.state().exit_code)

    def logs(self, tail: int = 200) -> str:
        """The last lines that it wrote, standard output and error together."""
        with answering():
            return self._api.logs(self.id, tail=tail).decode("utf-8", "replace")

    def shell(self, user: str = "") -> Shell:
        """The long-lived shell of a user (root by default)."""
        if user not in self._shells:
            self._shells[user] = Shell(lambda: self._connect(user), self._kill_below, self.pace)
        return self._shells[user]

    def shell_refusal(self) -> str:
        """Why the shell cannot be started beside what runs; empty if it can, and runs a command."""
        try:
            with answering():
                made = self._api.exec_create(self.id, [SHELL, "-c", "exit 0"], user=_ROOT)
                said = self._api.exec_start(made["Id"]).decode("utf-8", "replace").strip()
                code = self._api.exec_inspect(made["Id"])["ExitCode"]
        except APIError as error:
            said, code = str(error.explanation or error), None
        if code == 0:
            return ""
        self.must_run()
        return said or f"exit code {code}"

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
        with answering(), contextlib.suppress(APIError):
            made = self._api.exec_create(
                self.id, [SHELL, "-c", KILL_DESCENDANTS, "certify", str(pid)], user=_ROOT
            )
            self._api.exec_start(made["Id"])

    def must_run(self) -> None:
        """Raises :class:`CandidateStopped`, with the reason, if it does not run."""
        state = self.state()
        if not state.running:
            raise CandidateStopped(_why_stopped(state))

    def read_file(self, path: str, limit: int = _FILE_LIMIT) -> bytes | None:
        """A file's first ``limit`` bytes, without help from the image; null if there is none."""
        return read_file(self._api, self.id, path, limit)

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


def _why_stopped(state: State) -> str:
    if state.oom_killed:
        return "the container was killed because it ran out of the memory that it was given"
    if state.killed:
        return "the container was killed from outside: by somebody, or by a host without memory"
    return f"the container ended by itself with exit code {state.exit_code}"
