"""Small static programs for containers, and an image archive to carry one.

They try without a network, a registry or a compiler whether an engine starts containers, runs other
architectures, or lets containers talk to each other: :mod:`certify.engine.probe.machine` writes
their machine code. As a container's PID 1 they ignore SIGTERM, like any program without a handler:
kill them, do not stop them.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterable, Mapping
from errno import ECONNREFUSED
from ipaddress import IPv4Address

from certify.engine.probe.architectures import MACHINES
from certify.engine.probe.machine import (
    BUFFER,
    BUFFER_SIZE,
    Call,
    Jump,
    Machine,
    Mark,
    Slot,
    Step,
    When,
    link,
)

ARCHITECTURES: tuple[str, ...] = tuple(MACHINES)
"""The supported architectures, by the names that OCI images use."""

TEXT_LIMIT = 4096
"""Limit of a text in bytes; a longer one might need more than one write."""

_AF_INET, _SOCK_STREAM, _SOCK_DGRAM, _SOL_SOCKET, _SO_REUSEADDR = 2, 1, 2, 1, 2
_MSG_NOSIGNAL = 0x4000  # a peer that hung up is an error, not SIGPIPE
_STDOUT, _BACKLOG = 1, 128

_IPPROTO_TCP, _TCP_SYNCNT = 6, 7  # tcp(7)

CLOSED_PORT = 9
"""The TCP port of the service discard, which nobody offers (RFC 863)."""
REFUSED = 256 - ECONNREFUSED
"""Exit code of :func:`connect` if nobody listens at an address that replies."""
NO_MOUNT = 2
"""Exit code of :func:`mount_tmpfs` if the mount is refused."""


class UnsupportedArchitecture(ValueError):
    """Raised for an unsupported architecture; the message names the supported ones."""

    def __init__(self, architecture: str) -> None:
        super().__init__(
            f"no probe for the architecture {architecture!r}; supported: {', '.join(ARCHITECTURES)}"
        )


def echo(architecture: str, text: bytes) -> bytes:
    """Make a program that writes the text to stdout and exits 0.

    Raises :class:`UnsupportedArchitecture` for an architecture not in :data:`ARCHITECTURES`, and
    ``ValueError`` for a text longer than :data:`TEXT_LIMIT`.
    """
    machine = _machine(architecture)
    return link(machine, (Call("write", (_STDOUT, *_sized(text))), *_exit(0)))


def mount_tmpfs(architecture: str, text: bytes, folder: str) -> bytes:
    """Make a program that mounts a tmpfs over an existing folder, then does as :func:`echo`.

    systemd does so for each unit with a private /tmp. It exits with :data:`NO_MOUNT` if that is
    refused. Raises the errors of :func:`echo`.
    """
    machine = _machine(architecture)
    tmpfs = b"tmpfs\0"
    return link(
        machine,
        (
            Call("mount", (tmpfs, folder.encode() + b"\0", tmpfs, 0, 0)),
            Jump("no mount", When.NEGATIVE),
            Call("write", (_STDOUT, *_sized(text))),
            *_exit(0),
            Mark("no mount"),
            *_exit(NO_MOUNT),
        ),
    )


def copy_file(architecture: str, path: str) -> bytes:
    """Make a program that copies a file, by its absolute path, to stdout.

    It exits 0, or 1 if the file cannot be opened. Raises the errors of :func:`echo`.
    """
    machine = _machine(architecture)
    file, length = Slot
    return link(
        machine,
        (
            Call("openat", (0, path.encode() + b"\0", 0, 0), keep=file),
            Jump("failed", When.NEGATIVE),
            *_copy_all(file, length),
            *_exit(0),
            Mark("failed"),
            *_exit(1),
        ),
    )


def serve(architecture: str, port: int, text: bytes) -> bytes:
    """Make a program that answers every connection to a TCP port, on any IPv4 address of its host.

    It serves one connection at a time, for ever: it reads once, up to 4096 bytes, writes the text
    and closes. So a client must send something or hang up, and gets a reset if it sends more. The
    program exits 1 if it cannot use the port. Raises the errors of :func:`echo`, and ``ValueError``
    for a port outside 1 to 65535.
    """
    machine = _machine(architecture)
    here = _socket_address(machine, "0.0.0.0", port)  # noqa: S104  # a container's own network
    yes = struct.pack(f"{machine.order}i", 1)
    listener, connection = Slot
    return link(
        machine,
        (
            Call("socket", (_AF_INET, _SOCK_STREAM, 0), keep=listener),
            Call("setsockopt", (listener, _SOL_SOCKET, _SO_REUSEADDR, yes, len(yes))),
            Call("bind", (listener, here, len(here))),
            Jump("failed", When.NEGATIVE),
            Call("listen", (listener, _BACKLOG)),
            Jump("failed", When.NEGATIVE),
            Mark("next"),
            Call("accept4", (listener, 0, 0, 0), keep=connection),
            Jump("next", When.NEGATIVE),
            Call("read", (connection, BUFFER, BUFFER_SIZE)),
            Call("sendto", (connection, *_sized(text), _MSG_NOSIGNAL, 0, 0)),
            Call("close", (connection,)),
            Jump("next"),
            Mark("failed"),
            *_exit(1),
        ),
    )


def fetch(architecture: str, address: str, port: int, request: bytes) -> bytes:
    """Make a program that sends a request over TCP and copies the answer to stdout.

    It exits 0 when the other side closes the connection or breaks it, 1 if it cannot connect.
    Raises the errors of :func:`serve`, and ``ValueError`` for a text that is no IPv4 address.
    """
    machine = _machine(architecture)
    there = _socket_address(machine, address, port)
    connection, length = Slot
    return link(
        machine,
        (
            Call("socket", (_AF_INET, _SOCK_STREAM, 0), keep=connection),
            Call("connect", (connection, there, len(there))),
            Jump("failed", When.NEGATIVE),
            Call("sendto", (connection, *_sized(request), _MSG_NOSIGNAL, 0, 0)),
            *_copy_all(connection, length),
            *_exit(0),
            Mark("failed"),
            *_exit(1),
        ),
    )


def exchange(architecture: str, address: str, port: int, message: bytes) -> bytes:
    """Make a program that sends a message over UDP and copies the first reply to stdout.

    A reply of more than 4096 bytes is cut. The program exits 1 if nobody listens there, and waits
    for ever for a reply that gets lost. Raises the errors of :func:`fetch`.
    """
    machine = _machine(architecture)
    there = _socket_address(machine, address, port)
    connection, length = Slot
    return link(
        machine,
        (
            Call("socket", (_AF_INET, _SOCK_DGRAM, 0), keep=connection),
            Call("connect", (connection, there, len(there))),
            Jump("failed", When.NEGATIVE),
            Call("sendto", (connection, *_sized(message), _MSG_NOSIGNAL, 0, 0)),
            Call("read", (connection, BUFFER, BUFFER_SIZE), keep=length),
            Jump("failed", When.NEGATIVE),
            Call("write", (_STDOUT, BUFFER, length)),
            *_exit(0),
            Mark("failed"),
            *_exit(1),
        ),
    )


def connect(architecture: str, address: str, port: int, *, again: int = 6) -> bytes:
    """Make a program that opens a TCP connection and exits 0, or 256 less the error's number.

    So :data:`REFUSED` is its exit code where the address replies, and nobody listens. A packet
    that gets no reply is sent ``again`` so many times: once takes three seconds, six times, as
    Linux does by itself, two minutes. Raises the errors of :func:`fetch`.
    """
    machine = _machine(architecture)
    there = _socket_address(machine, address, port)
    tries = struct.pack(f"{machine.order}i", again)
    connection, result = Slot
    return link(
        machine,
        (
            Call("socket", (_AF_INET, _SOCK_STREAM, 0), keep=connection),
            Call("setsockopt", (connection, _IPPROTO_TCP, _TCP_SYNCNT, tries, len(tries))),
            Call("connect", (connection, there, len(there)), keep=result),
            Call("exit", (result,)),
        ),
    )


def image_archive(program: bytes, name: str = "probe") -> bytes:
    """Make a tar of one executable at the root, as :func:`programs_archive` does."""
    return programs_archive({name: program})


def programs_archive(programs: Mapping[str, bytes]) -> bytes:
    """Make a tar of executables at the root, for ``docker import -``; same input, same bytes.

    Docker 20.10 labels every imported image with its own architecture, whatever ``--platform``
    says. Raises ``ValueError`` for a name that is not a plain file name of at most 100 bytes.
    """
    parts = []
    for name, program in programs.items():
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"not a plain file name: {name!r}")
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(program), 0o755
        padding = bytes(-len(program) % tarfile.BLOCKSIZE)
        parts += [entry.tobuf(tarfile.USTAR_FORMAT), program, padding]
    return b"".join((*parts, bytes(2 * tarfile.BLOCKSIZE)))


def shell_printf(data: bytes) -> str:
    """Return the command ``printf '...'`` that prints exactly these bytes.

    It is one line of ASCII, for any POSIX shell. A leading ``-`` is escaped, or it would begin an
    option.
    """
    own = {ord("%"): "%%", ord("\\"): "\\\\", ord("'"): "\\047"}
    words = [own.get(c, chr(c) if 32 <= c < 127 else f"\\{c:03o}") for c in data]
    if words[:1] == ["-"]:
        words[0] = "\\055"
    return f"printf '{''.join(words)}'"


def _machine(architecture: str) -> Machine:
    try:
        return MACHINES[architecture]
    except KeyError:
        raise UnsupportedArchitecture(architecture) from None


def _sized(text: bytes) -> tuple[bytes, int]:
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"a text of {len(text)} bytes; the limit is {TEXT_LIMIT}")
    return text, len(text)


def _exit(status: int) -> Iterable[Step]:
    return (Call("exit", (status,)),)


def _copy_all(source: Slot, length: Slot) -> Iterable[Step]:
    """Copy what comes from a file or a connection to stdout, up to its end or an error."""
    return (
        Mark("more"),
        Call("read", (source, BUFFER, BUFFER_SIZE), keep=length),
        Jump("end", When.NEGATIVE),
        Jump("end", When.ZERO),
        Call("write", (_STDOUT, BUFFER, length)),
        Jump("more"),
        Mark("end"),
    )


def _socket_address(machine: Machine, address: str, port: int) -> bytes:
    """Return a struct sockaddr_in; only its family is in the machine's own byte order."""
    if not 1 <= port <= 65535:
        raise ValueError(f"not a TCP port: {port}")
    family = struct.pack(f"{machine.order}H", _AF_INET)
    return family + struct.pack(">H", port) + IPv4Address(address).packed + bytes(8)
