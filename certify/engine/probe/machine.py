"""Makes static Linux executables without a compiler.

A program is a sequence of steps: system calls, marks and jumps. A :class:`Machine` has one
architecture's instructions for them, its system call numbers and its ELF header. :func:`link`
makes the file, which Linux lays out as::

    BASE    headers, data, code   readable and executable
    BUFFER  zeros                 readable and writable

Data comes before the code, so every address is known when the code is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

BASE = 0x400000
PAGE = 0x10000  # the largest in use: kernels for arm64 and ppc64le may have pages of 64 KiB
BUFFER = BASE + PAGE
BUFFER_SIZE = 4096
CODE_LIMIT = 4096  # no RISC-V branch reaches further

CALLS = (
    *("exit", "read", "write", "close", "socket", "bind"),
    *("listen", "accept4", "connect", "setsockopt", "sendto", "mount", "openat"),
)
"""The supported system calls, in the order of :attr:`Machine.calls`."""


class Slot(Enum):
    """A place to store the result of a system call."""

    FIRST = 0
    SECOND = 1


class When(Enum):
    """The condition of a jump on the last system call's result."""

    ALWAYS = 0
    NEGATIVE = 1
    ZERO = 2


@dataclass(frozen=True)
class Call:
    """A system call; ``bytes`` among its arguments are passed by address.

    An error is a negative result on every architecture. A stored result must fit 31 bits.
    """

    name: str
    args: tuple[int | bytes | Slot, ...]
    keep: Slot | None = None


@dataclass(frozen=True)
class Mark:
    """The target of a jump."""

    name: str


@dataclass(frozen=True)
class Jump:
    """A jump to a mark if the last system call's result fulfils a condition."""

    to: str
    when: When = When.ALWAYS


Step = Call | Mark | Jump


@dataclass(frozen=True)
class Machine:
    """The instructions and the numbers of one architecture."""

    load: Callable[[int, int], bytes]
    """Function that loads a number from 0 to 2**30 into a register."""
    copy: Callable[[int, int], bytes]
    """Function that copies into a register (first) from another."""
    jump: Callable[[When, int], bytes]
    """Function that jumps a distance, counted from the first byte of the jump. The length of the
    jump depends on the condition alone."""
    trap: bytes
    """Code that enters the kernel, and makes an error a negative result."""
    number: int
    """The register for a system call's number; the next three fields name registers, too."""
    result: int
    arguments: Sequence[int]
    slots: Sequence[int]
    calls: tuple[int, ...]
    elf_machine: int
    elf_flags: int = 0
    bits: Literal[32, 64] = 64
    order: Literal["<", ">"] = "<"


def link(machine: Machine, steps: Iterable[Step]) -> bytes:
    """Make the executable.

    Raises ``KeyError`` for a jump to a missing mark, and ``ValueError`` for a call that is not in
    :data:`CALLS` or has more than six arguments, and for too much code or data.
    """
    steps = tuple(steps)
    head, entry = (64, 56) if machine.bits == 64 else (52, 32)
    image = bytes(head + 3 * entry)
    addresses: dict[bytes, int] = {}
    for step in steps:
        for item in step.args if isinstance(step, Call) else ():
            if isinstance(item, bytes) and item not in addresses:
                image = _aligned(image)
                addresses[item] = BASE + len(image)
                image += item
    image = _aligned(image)
    code = _assemble(machine, steps, addresses)
    start, size = BASE + len(image), len(image) + len(code)
    if size > PAGE or len(code) > CODE_LIMIT:
        raise ValueError(f"{len(code)} bytes of code in a program of {size} bytes are too many")
    headers = (
        _header(machine, start, head, entry),
        _segment(machine, 1, "rx", BASE, in_file=size, in_memory=size),
        _segment(machine, 1, "rw", BUFFER, in_memory=BUFFER_SIZE),
        _segment(machine, 0x6474E551, "rw", 0),  # PT_GNU_STACK: no code on the stack
    )
    return b"".join(headers) + image[head + 3 * entry :] + code


def _aligned(image: bytes) -> bytes:
    return image + bytes(-len(image) % 8)


def _assemble(machine: Machine, steps: Sequence[Step], addresses: Mapping[bytes, int]) -> bytes:
    """Make the code twice: the first time to find the marks, the second with jumps to them."""
    marks = {step.name: 0 for step in steps if isinstance(step, Mark)}
    code = b""
    for _ in range(2):
        code = b""
        for step in steps:
            match step:
                case Mark(name):
                    marks[name] = len(code)
                case Jump(to, when):
                    code += machine.jump(when, marks[to] - len(code))
                case Call():
                    code += _call(machine, step, addresses)
    return code


def _call(machine: Machine, call: Call, addresses: Mapping[bytes, int]) -> bytes:
    code = b""
    registers = machine.arguments[: len(call.args)]
    for register, item in zip(registers, call.args, strict=True):
        if isinstance(item, Slot):
            code += machine.copy(register, machine.slots[item.value])
        else:
            code += machine.load(register, addresses[item] if isinstance(item, bytes) else item)
    code += machine.load(machine.number, machine.calls[CALLS.index(call.name)]) + machine.trap
    if call.keep is None:
        return code
    return code + machine.copy(machine.slots[call.keep.value], machine.result)


def _header(machine: Machine, start: int, head: int, entry: int) -> bytes:
    wide, big = machine.bits == 64, machine.order == ">"
    form = machine.order + ("16sHHIQQQI6H" if wide else "16sHHIIIII6H")
    identity = b"\x7fELF" + bytes([1 + wide, 1 + big, 1])
    places = (start, head, 0, machine.elf_flags)
    return struct.pack(form, identity, 2, machine.elf_machine, 1, *places, head, entry, 3, 0, 0, 0)


def _segment(
    machine: Machine, kind: int, may: str, address: int, *, in_file: int = 0, in_memory: int = 0
) -> bytes:
    flags = sum({"r": 4, "w": 2, "x": 1}[letter] for letter in may)
    offset_address_size = (0, address, address, in_file, in_memory)
    if machine.bits == 64:
        return struct.pack(f"{machine.order}II6Q", kind, flags, *offset_address_size, PAGE)
    return struct.pack(f"{machine.order}8I", kind, *offset_address_size, flags, PAGE)
