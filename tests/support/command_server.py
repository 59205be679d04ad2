"""A process that has certify's modules loaded, and forks for each command that a test runs.

A new interpreter takes half a second for each command, most of it for imports. The forked process
differs from it in nothing that a command can see: it has its own standard streams, working
directory and environment. It is for whole commands; what concerns the interpreter itself
(encodings, import times) needs a real one.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_INTERPRETER = ("PYTHON", "LANG", "LC_")
"""Beginnings of the names of variables that an interpreter reads only when it starts."""


class CommandServer:
    """The client's side: starts the server, and runs commands by it."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._folder = tempfile.TemporaryDirectory(prefix="certify-test-")
        self._address = f"{self._folder.name}/socket"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self._address)
        listening.listen(16)
        with listening:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listening.fileno())],
                cwd=ROOT,
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Return True if a command may run in this environment without a new interpreter."""

        def relevant(variables: Mapping[str, str]) -> dict[str, str]:
            return {k: v for k, v in variables.items() if k.startswith(_INTERPRETER)}

        return relevant(environment) == relevant(self._environment)

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
    ) -> tuple[int, int, bytes, bytes]:
        """Return the process id, the exit code, and both outputs of a command.

        Raises ``TimeoutError`` after so many seconds, when the command is killed.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout)
                connection.connect(self._address)
                request = {"args": list(arguments), "cwd": str(folder), "env": dict(environment)}
                text = json.dumps(request, ensure_ascii=True).encode() + b"\n"
                socket.send_fds(connection, [text[:1]], [out.fileno(), err.fileno()])
                connection.sendall(text[1:])
                with connection.makefile("r", encoding="ascii") as replies:
                    pid = int(replies.readline())
                    try:
                        code = int(replies.readline())
                    except TimeoutError:
                        os.kill(pid, signal.SIGKILL)
                        raise
            for file in (out, err):
                file.seek(0)
            return pid, code, out.read(), err.read()


def serve(listening: socket.socket) -> None:
    """Fork for each connection while the client lives; the child forks again for the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever served a connection just ends
    client = os.getppid()
    listening.settimeout(5)
    while os.getppid() == client:  # else the tests were killed
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        connection.setblocking(True)
        if os.fork() == 0:
            listening.close()
            _exit_after(_serve_one, connection)
        connection.close()


def _serve_one(connection: socket.socket) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    first, streams, _, _ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("r", encoding="ascii") as lines:
        request = json.loads(first.decode() + lines.readline())
    pid = os.fork()
    if pid == 0:
        connection.close()
        _exit_after(_run, request, streams)
    connection.sendall(f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    connection.sendall(f"{code}\n".encode())
    return 0


def _run(request: dict[str, Any], streams: Sequence[int]) -> int:
    """Become the command: the streams, the folder and the environment are those of the test."""
    for number, target in zip(streams, (1, 2), strict=True):
        os.dup2(number, target)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"), "utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(2, "w"), "utf-8", "backslashreplace", write_through=True
    )
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv = ["certify", *request["args"]]
    if "no-engine" in os.environ.get("DOCKER_HOST", ""):  # a server of checks would start in vain
        vars(import_module("certify.suite.check_server").SERVER)["start"] = lambda **_how: None
    main = import_module("certify.cli.main").main
    try:
        main(prog_name="certify")
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


def _exit_after(function: Any, *arguments: Any) -> None:
    code = 70
    try:
        code = function(*arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                continue
        os._exit(code)


def _load() -> None:
    """Load what commands load: their modules, the shipped checks, and the site's templates."""
    commands = import_module("certify.cli.main").COMMANDS
    for command in commands:
        commands[command]
    import_module("certify.suite.catalogue").specs()
    site = import_module("certify.publish.site.environment")
    for template in site.TEMPLATES.glob("*.j2"):
        site._environment().get_template(template.name)


if __name__ == "__main__":
    _load()
    serve(socket.socket(fileno=int(sys.argv[1])))
