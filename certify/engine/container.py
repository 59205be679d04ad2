"""A container: its state, its shells, its files, its end."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from typing import Any

from certify.engine.attribution import ended_from_outside, is_image_fault, memory_ran_out
from certify.engine.client import Engine
from certify.engine.container_files import has_path, read_file
from certify.engine.container_state import ContainerState, ContainerStopped, StopResult, end_reason
from certify.engine.errors import APIError, explanation, launch_refusal, translate_errors
from certify.engine.notify_socket import NotifyReader
from certify.engine.probe.programs import image_archive
from certify.engine.session import KILL_DESCENDANTS, KILLED, SessionLost, Shell
from certify.engine.stream import EngineStream
from certify.model.errors import Trouble
from certify.model.terms import Fault

SHELL = "/bin/sh"
STOP_LABEL = "certify.stop"
"""Label with the stop signal of a container on an engine that does not tell of stops.

The engine has SIGKILL as its stop signal there, so that a stop by others shows by the exit code.
"""
_ROOT = "0:0"
_STOP_TIMEOUT = 20
_FILE_LIMIT = 1024 * 1024
_EXEC_SECONDS = 30.0  # ample for a shell with next to nothing to do
_EXEC_LIMIT = 4096
_PAUSE = 0.02
_RUNTIME_REFUSAL = "OCI runtime exec failed"  # printed instead of the program's own output
_NEVER = "0001-"  # how the engine's API writes a moment that has not come
_ADDED = 1  # the API's code for the A of `docker diff`


class Container:
    """A container, by its id.

    The process that launched it removes it; other processes may attach to it.
    """

    def __init__(
        self, engine: Engine, container: str, notify: socket.socket | None, pace: float = 1.0
    ) -> None:
        self.engine = engine
        self.pace = pace
        """Factor for every limit of time: 1 on an ordinary host, more on a slow one."""
        self.id = container
        self._api = engine.client.api
        self._notifications = NotifyReader(notify) if notify else None
        self._shells: dict[str, Shell] = {}
        self._stop_requested = False
        self._outside: dict[str, bool] = {}  # by the moment of the end

    def another(self) -> Container:
        """Return the container by another connection to its engine, with shells of its own.

        It gets no notifications.
        """
        return Container(self.engine.another(), self.id, None, self.pace)

    def start(self) -> None:
        """Start the container, for the first time or again."""
        if self._notifications is not None:
            self._notifications.forget()
        with translate_errors():
            self._api.start(self.id)
        self._stop_requested = False

    def configuration(self) -> dict[str, Any]:
        """Return the configuration of the container, ``Config`` by Docker's API: ``Env`` and so on.

        Volumes that the launch mounts are none of it, those that the image declares are.
        """
        found: dict[str, Any] = self.launch_configuration()["Config"]
        return found

    def launch_configuration(self) -> dict[str, Any]:
        """Return what the engine tells of the container: ``HostConfig``, ``AppArmorProfile``, …"""
        with translate_errors("how the container is configured"):
            found: dict[str, Any] = self._api.inspect_container(self.id)
        return found

    def image_configuration(self) -> dict[str, Any]:
        """Return the configuration of its image, which a launch may override."""
        with translate_errors("how the image is configured"):
            image = self._api.inspect_container(self.id)["Image"]
            return self.engine.image_configuration(image)

    def state(self) -> ContainerState:
        """Return the state of the container now.

        Raises :class:`~certify.model.errors.EngineUnavailable`, also if the container was removed.
        """
        with translate_errors("the state of the container"):
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

    def require_unpaused(self) -> None:
        """Raise :class:`Trouble` if somebody paused the container: no command in it ends then."""
        with translate_errors("the state of the container"):
            paused = self._api.inspect_container(self.id)["State"].get("Paused")
        if paused:
            raise Trouble(
                "Somebody paused the container.",
                remedy="Find out which program pauses containers on this host; run again.",
                fault=Fault.HOST,
            )

    def ran_out_of_memory(self) -> bool:
        """Return True if the engine saw that the container's memory ran out since its start."""
        return memory_ran_out(self.engine, self.id)

    def _ended_from_outside(self, state: dict[str, Any]) -> bool:
        """Return who ended it; each end is looked up once, as the engine soon forgets it."""
        when = str(state.get("FinishedAt"))
        if when not in self._outside:
            requested = self._stop_requested
            outside = ended_from_outside(self.engine, self.id, stop_requested=requested)
            self._outside[when] = outside
        return self._outside[when]

    def stop(self, timeout: int = _STOP_TIMEOUT) -> StopResult:
        """Stop the container; the engine kills it after ``timeout`` seconds.

        Raises :class:`ContainerStopped` if it had ended before, or was ended by somebody else.
        """
        self.close_shells()
        self.require_running()
        self._stop_requested = True
        begun = time.monotonic()
        with translate_errors():
            self._stop(timeout)
        seconds = time.monotonic() - begun
        state = self.state()
        if state.stopped or (state.killed and seconds < timeout):
            raise ContainerStopped(end_reason(state))
        return StopResult(seconds, state.exit_code)

    def _stop(self, timeout: int) -> None:
        signal = self.configuration()["Labels"].get(STOP_LABEL)
        if signal is None:
            self._api.stop(self.id, timeout=timeout)
            return
        self._api.kill(self.id, signal)
        deadline = time.monotonic() + timeout
        while self._api.inspect_container(self.id)["State"]["Running"]:
            if time.monotonic() > deadline:
                self._api.stop(self.id)
                return
            time.sleep(_PAUSE)

    def logs(self, tail: int = 200) -> str:
        """Return the last lines of its log: standard output and error together."""
        with translate_errors("the log of the container"):
            return self._api.logs(self.id, tail=tail).decode("utf-8", "replace")

    def shell(self, user: str = "") -> Shell:
        """Return the long-lived shell of a user (root by default)."""
        if user not in self._shells:
            self._shells[user] = Shell(
                lambda: self._connect(user), self._kill_descendants, self.pace
            )
        return self._shells[user]

    def shell_refusal(self) -> str:
        """Return why no shell can be started in the running container; empty if one can.

        Raises :class:`~certify.model.errors.LaunchRefused` if the image is not the reason, and
        :class:`SessionLost` if the shell does not end, or is killed.
        """
        try:
            code, output = self._execute([SHELL, "-c", "exit 0"])
        except APIError as error:
            code, output = None, explanation(error)
        if code == 0:
            return ""
        self.require_running()
        if code is None or output.startswith(_RUNTIME_REFUSAL):
            if not is_image_fault(self.engine, output, SHELL):
                raise launch_refusal(output, "a shell in the container")
        elif code == KILLED:
            raise SessionLost("it was killed")
        return output or f"exit code {code}"

    def output_of(self, program: bytes) -> str:
        """Run a static program of certify's own, without a shell; return what it prints.

        Raises :class:`SessionLost` if it does not end in time.
        """
        name = f"certify-{secrets.token_hex(4)}"
        with translate_errors("a program of certify's own"):
            self._api.put_archive(self.id, "/", image_archive(program, name))
        return self._execute([f"/{name}"])[1]

    def _execute(self, argv: list[str]) -> tuple[int, str]:
        """Run a small program as root; return its exit code and the beginning of its output.

        Raises :class:`SessionLost` if it does not end in time.
        """
        output = bytearray()
        deadline = time.monotonic() + _EXEC_SECONDS * self.pace
        with translate_errors():
            process = self._api.exec_create(self.id, argv, user=_ROOT)["Id"]
            raw = self._api.exec_start(process, socket=True)
            with contextlib.closing(EngineStream(raw)) as stream:
                try:
                    while True:
                        output += stream.receive(deadline)[1][: _EXEC_LIMIT - len(output)]
                except SessionLost:  # the end of the output
                    pass
                except TimeoutError:
                    raise SessionLost(f"{argv[0]} does not end") from None
            while (code := self._api.exec_inspect(process)["ExitCode"]) is None:
                if time.monotonic() > deadline:
                    raise SessionLost(f"{argv[0]} does not end")
                time.sleep(_PAUSE)
        return int(code), output.decode("utf-8", "replace").strip()

    def close_shells(self) -> None:
        """Close all shells; the next command opens a new one."""
        for shell in self._shells.values():
            shell.close()

    def _connect(self, user: str) -> EngineStream:
        try:
            with translate_errors():
                process = self._api.exec_create(self.id, [SHELL], stdin=True, user=user or _ROOT)
                return EngineStream(self._api.exec_start(process["Id"], socket=True))
        except APIError as error:
            self.require_running()
            raise SessionLost(explanation(error)) from error

    def _kill_descendants(self, pid: int) -> None:
        with contextlib.suppress(APIError, SessionLost):
            self._execute([SHELL, "-c", KILL_DESCENDANTS, "certify", str(pid)])

    def require_running(self) -> None:
        """Raise :class:`ContainerStopped`, with the reason, if the container does not run."""
        state = self.state()
        if not state.running:
            raise ContainerStopped(end_reason(state))

    def read_file(self, path: str, limit: int = _FILE_LIMIT) -> bytes | None:
        """Return the first ``limit`` bytes of a file, or None; runs nothing in the container."""
        return read_file(self._api, self.id, path, limit)

    def has_path(self, path: str) -> bool:
        """Return True if a path is in the container; runs nothing in it, as :meth:`read_file`."""
        return has_path(self._api, self.id, path)

    def added_paths(self) -> frozenset[str]:
        """Return the paths of the container that are not in its image."""
        with translate_errors("the files added to the container"):
            changes = self._api.diff(self.id) or ()
        return frozenset(each["Path"] for each in changes if each["Kind"] == _ADDED)

    @property
    def has_notifications(self) -> bool:
        """True if the end of the boot arrives as an event; otherwise it must be polled for."""
        return self._notifications is not None

    def wait_notified(self, seconds: float) -> bool:
        """Wait up to so many seconds for ``READY=1`` (sd_notify(3)); return True if it came."""
        if self._notifications is None:
            time.sleep(seconds)  # a remote engine delivers no event, so this is the pause of a poll
            return False
        return self._notifications.wait_ready(seconds)
