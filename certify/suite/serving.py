"""The server of check processes: it imports what checks need, and makes copies of itself.

Its parent is :mod:`certify.suite.check_server`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def start(number: int) -> int:
    """Import what checks need, then serve; in each copy, run the checks and return the exit code.

    ``number`` is the descriptor of the socket that the server shares with its parent.
    """
    gc.disable()  # what is imported is no garbage, and looking for some takes a tenth of the time
    import pytest  # noqa: PLC0415 - after that

    from certify.suite.worker import arguments, main  # noqa: PLC0415

    pytest.main([*arguments(), "--collect-only"])  # whatever it imports, its copies have
    end = serve(socket.socket(fileno=number))
    gc.enable()
    return main(end)


def start_copy(number: int) -> int:
    """Start the server in a copy of a process, which has that one's variables and arguments."""
    environment = without_pytest(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["certify.suite"]
    return start(number)


def without_pytest(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing changes what pytest does."""
    kept = {key: value for key, value in environment.items() if not key.startswith("PYTEST_")}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def serve(control: socket.socket) -> socket.socket:
    """Make copies of this process; return in each of them, with its channel, and never here."""
    os.chdir("/")  # it keeps no folder busy
    gc.collect()
    gc.freeze()  # what is there already is no garbage, and its pages stay shared
    released: set[int] = set()
    while True:
        message, numbers, _, _ = socket.recv_fds(control, 32, 4, socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)
        if not numbers:
            released.add(int(message))
        released = {pid for pid in released if not _is_reaped(pid)}
        if not numbers:
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            return _settle(numbers)
        with contextlib.suppress(OSError):  # its parent may be gone
            os.write(numbers[2], b"%d" % pid)
        for number in numbers:
            os.close(number)


def _is_reaped(pid: int) -> bool:
    """Return False if a copy has not ended yet: the kernel may hold a process whatever it is sent.

    The server waits for none, because the next launch waits for the server.
    """
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _settle(numbers: Sequence[int]) -> socket.socket:
    """Make a copy a process of its own: with a session, a folder, an output, an environment."""
    channel, output, hand, folder = numbers
    os.setsid()
    os.fchdir(folder)
    for standard in (1, 2):
        os.dup2(output, standard)
    with socket.socket(fileno=hand) as parent, parent.makefile("rb") as settings:
        environment: dict[str, Any] = json.loads(settings.read())
    os.environ.clear()
    os.environ.update(environment)
    os.close(output)
    os.close(folder)
    return socket.socket(fileno=channel)
