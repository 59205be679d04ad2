"""Engines on other machines by SSH: the engine's socket there is forwarded to one here.

OpenSSH's own client does it, so keys, agents and ``~/.ssh/config`` count as always.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit

from certify.model.errors import EngineUnavailable
from certify.util.text import one_line

SCHEME, SOCKET = "ssh://", "/var/run/docker.sock"
FOLDER = "certify-ssh-"
"""The beginning of the name of a folder with a forwarded socket."""
_THEN_REMOVE = '"$@"; rm -rf "$0"'
"""Removes the folder also where certify was killed: ssh ends then, and the shell goes on."""
_READY = b"certify-ready\n"
_OPTIONS = ("BatchMode=yes", "ExitOnForwardFailure=yes", "ConnectTimeout=20",
            "ServerAliveInterval=15", "ForwardX11=no", "ForwardAgent=no")  # fmt: skip


@contextlib.contextmanager
def forwarded(address: str) -> Iterator[str]:
    """Forward the socket of ``ssh://[USER@]HOST[:PORT][/SOCKET]``; yield the address of this end.

    Only this user can open it. The connection ends with this process, even if that is killed: the
    command there reads until then. Raises :class:`EngineUnavailable` with the words of ssh.
    """
    parts = urlsplit(address)
    there = parts.path if parts.path.strip("/") else SOCKET
    words = ["ssh", "-T", *(word for each in _OPTIONS for word in ("-o", each))]
    words += ["-p", str(parts.port)] if parts.port else []
    words += ["-l", parts.username] if parts.username else []
    command = f"echo {_READY.decode().strip()}; exec cat >/dev/null"
    with (
        tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as errors,
    ):
        here = f"{folder}/engine.sock"
        words += ["-L", f"{here}:{there}", "--", str(parts.hostname), command]
        with subprocess.Popen(
            ["/bin/sh", "-c", _THEN_REMOVE, folder, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,  # Ctrl-C: what was started there is removed first
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                if not any(line == _READY for line in process.stdout):
                    errors.seek(0)
                    raise _failure(address, errors.read().decode("utf-8", "replace"))
                yield f"unix://{here}"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def _failure(address: str, reason: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"The container engine at {one_line(address)} cannot be reached: {one_line(reason, 300)}",
        remedy="`ssh HOST docker version` must work without a question, and OpenSSH be installed.",
    )
