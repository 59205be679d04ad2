"""Small programs for containers, and an image to carry one, made from certify alone.

Whether an engine starts containers, runs other architectures or lets containers talk to each
other can so be tried with no network, no registry and no compiler: the programs are machine code
that :mod:`certify.engine.probe.machine` writes. As a container's PID 1 they ignore SIGTERM, as any
program without a handler does: kill them, do not stop them.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterable
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
"""The architectures there are programs for, by the names that OCI images use."""

TEXT_LIMIT = 4096
"""The longest text in bytes: a longer one might need more than one write."""

_AF_INET, _SOCK_STREAM, _SOCK_DGRAM, _SOL_SOCKET, _SO_REUSEADDR = 2, 1, 2, 1, 2
_MSG_NOSIGNAL = 0x4000  # a peer that hung up is an error, not SIGPIPE
_STDOUT, _BACKLOG = 1, 128
_KEYCTL_JOIN_SESSION_KEYRING = 1

NO_MOUNT, NO_KEYRING = 2, 3
"""How a program of :func:`exercise` ends that was refused something."""


class UnsupportedArchitecture(ValueError):
    """There are no programs for this architecture; the message names those there are."""

    def __init__(self, architecture: str) -> None:
        super().__init__(
            f"no probe for the architecture {architecture!r}; supported: {', '.join(ARCHITECTURES)}"
        )


def say(architecture: str, text: bytes) -> bytes:
    """Make a program that writes the text to stdout and exits 0.

    UnsupportedArchitecture for an architecture not in :data:`ARCHITECTURES`, ValueError for a
    text longer than :data:`TEXT_LIMIT`.
    """
    machine = _machine(architecture)
    return link(machine, (Call("write", (_STDOUT, *_sized(text))), *_exit(0)))


def exercise(architecture: str, text: bytes, folder: str) -> bytes:
    """Make a program that does what systemd and dockerd need rights for, and then as :func:`say`.

    It mounts a tmpfs over a folder that is there, as any unit with a private /tmp asks for, and
    joins a session keyring of its own, as each unit and each container does. It ends with
    :data:`NO_MOUNT` or :data:`NO_KEYRING` if that is refused. Raises as :func:`say` does.
    """
    machine = _machine(architecture)
    tmpfs = b"tmpfs\0"
    return link(
        machine,
        (
            Call("mount", (tmpfs, folder.encode() + b"\0", tmpfs, 0, 0)),
            Jump("no mount", When.NEGATIVE),
            Call("keyctl", (_KEYCTL_JOIN_SESSION_KEYRING, 0)),
            Jump("no keyring", When.NEGATIVE),
            Call("write", (_STDOUT, *_sized(text))),
            *_exit(0),
            Mark("no mount"),
            *_exit(NO_MOUNT),
            Mark("no keyring"),
            *_exit(NO_KEYRING),
        ),
    )


def serve(architecture: str, port: int, text: bytes) -> bytes:
    """Make a program that answers every connection to a TCP port, on any IPv4 address of its host.

    One at a time, for ever: it reads once, up to 4096 bytes, writes the text and closes. So a
    client must send something or hang up, and gets a reset if it sends more than that. Exits 1
    if the port cannot be had. UnsupportedArchitecture and ValueError as from :func:`say`, and
    ValueError for a port outside 1 to 65535.
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
    UnsupportedArchitecture and ValueError as from :func:`serve`, and ValueError for what is not
    an IPv4 address.
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
            Mark("more"),
            Call("read", (connection, BUFFER, BUFFER_SIZE), keep=length),
            Jump("done", When.NEGATIVE),
            Jump("done", When.ZERO),
            Call("write", (_STDOUT, BUFFER, length)),
            Jump("more"),
            Mark("failed"),
            *_exit(1),
            Mark("done"),
            *_exit(0),
        ),
    )


def ask(architecture: str, address: str, port: int, question: bytes) -> bytes:
    """Make a program that sends a question over UDP and copies the first answer to stdout.

    An answer of more than 4096 bytes is cut. It exits 1 if nobody listens there, and waits for
    ever for an answer that gets lost. Raises as :func:`fetch` does.
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
            Call("sendto", (connection, *_sized(question), _MSG_NOSIGNAL, 0, 0)),
            Call("read", (connection, BUFFER, BUFFER_SIZE), keep=length),
            Jump("failed", When.NEGATIVE),
            Call("write", (_STDOUT, BUFFER, length)),
            *_exit(0),
            Mark("failed"),
            *_exit(1),
        ),
    )


def connect(architecture: str, address: str, port: int) -> bytes:
    """Make a program that opens a TCP connection and exits 0, or 1 if it cannot.

    Raises as :func:`fetch` does.
    """
    machine = _machine(architecture)
    there = _socket_address(machine, address, port)
    (connection, _) = Slot
    return link(
        machine,
        (
            Call("socket", (_AF_INET, _SOCK_STREAM, 0), keep=connection),
            Call("connect", (connection, there, len(there))),
            Jump("failed", When.NEGATIVE),
            *_exit(0),
            Mark("failed"),
            *_exit(1),
        ),
    )


def image_archive(program: bytes, name: str = "probe") -> bytes:
    """Make a tar of one executable at the root, for ``docker import -``; same input, same bytes.

    Docker 20.10 calls every imported image its own architecture, whatever ``--platform`` says.
    ValueError for a name that is not a plain file name of at most 100 bytes.
    """
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise ValueError(f"not a plain file name: {name!r}")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(program), 0o755
    padding = bytes(-len(program) % tarfile.BLOCKSIZE)
    end = bytes(2 * tarfile.BLOCKSIZE)
    return entry.tobuf(tarfile.USTAR_FORMAT) + program + padding + end


def shell_printf(data: bytes) -> str:
    """Write the command ``printf '...'`` that prints exactly these bytes.

    One line of ASCII, for any POSIX shell. A leading ``-`` is escaped as it would be an option.
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


def _socket_address(machine: Machine, address: str, port: int) -> bytes:
    """A struct sockaddr_in: only the family is in the machine's own byte order."""
    if not 1 <= port <= 65535:
        raise ValueError(f"not a TCP port: {port}")
    family = struct.pack(f"{machine.order}H", _AF_INET)
    return family + struct.pack(">H", port) + IPv4Address(address).packed + bytes(8)
