"""Static Linux executables from a handful of steps, for seven architectures, with no compiler.

A program is a sequence of steps: system calls, marks and jumps. A :class:`Machine` knows how one
architecture says them: its instructions, its system call numbers and its ELF header.
:func:`link` makes the file, which Linux lays out as::

    BASE    headers, data, code   readable and executable
    BUFFER  zeros                 readable and writable

Data comes before the code, so every address is known before the first instruction is made.
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
MOST_CODE = 4096  # no RISC-V branch reaches further

CALLS = (
    *("exit", "read", "write", "close", "socket", "bind"),
    *("listen", "accept4", "connect", "setsockopt", "sendto"),
)
"""The system calls that a program may make, in the order of :attr:`Machine.calls`."""


class Slot(Enum):
    """A place where a program keeps the result of a system call."""

    FIRST = 0
    SECOND = 1


class When(Enum):
    """What the last system call's result must be for a jump to happen."""

    ALWAYS = 0
    NEGATIVE = 1
    ZERO = 2


@dataclass(frozen=True)
class Call:
    """A system call; ``bytes`` among its arguments stand for their address.

    An error is a negative result on every architecture. A result that is kept must fit 31 bits.
    """

    name: str
    args: tuple[int | bytes | Slot, ...]
    keep: Slot | None = None


@dataclass(frozen=True)
class Mark:
    """A place to jump to."""

    name: str


@dataclass(frozen=True)
class Jump:
    """Go to a mark if the last system call's result is so."""

    to: str
    when: When = When.ALWAYS


Step = Call | Mark | Jump


@dataclass(frozen=True)
class Machine:
    """One architecture."""

    load: Callable[[int, int], bytes]
    """Puts a number from 0 to 2**30 into a register."""
    copy: Callable[[int, int], bytes]
    """Copies into a register (first) from another."""
    jump: Callable[[When, int], bytes]
    """Jumps that far from the first byte of the jump, whose length depends on when alone."""
    trap: bytes
    """Enters the kernel, and makes an error a negative result."""
    number: int
    """The register for a system call's number; other fields name registers likewise."""
    result: int
    arguments: Sequence[int]
    slots: Sequence[int]
    calls: tuple[int, ...]
    elf_machine: int
    elf_flags: int = 0
    bits: Literal[32, 64] = 64
    order: Literal["<", ">"] = "<"


def _words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _x86_load(register: int, value: int) -> bytes:
    high, low = divmod(register, 8)
    return b"\x41" * high + bytes([0xB8 | low]) + struct.pack("<I", value)


def _x86_copy(target: int, source: int) -> bytes:
    """Slots are on the stack, over argc and argv[0]: six arguments leave the 386 no register."""
    if target >= 16:
        return bytes([0x89, 0x44 | source << 3, 0x24, 8 * (target - 16)])
    high, low = divmod(target, 8)
    return b"\x44" * high + bytes([0x8B, 0x44 | low << 3, 0x24, 8 * (source - 16)])


def _x86_jump(when: When, distance: int) -> bytes:
    code = (b"\xe9", b"\x85\xc0\x0f\x88", b"\x85\xc0\x0f\x84")[when.value]
    return code + struct.pack("<i", distance - len(code) - 4)


def _arm_load(register: int, value: int) -> bytes:
    """Byte by byte: there is no MOVW before ARMv6T2."""
    code = _words(0xE3A00000 | register << 12 | value & 0xFF)
    for shift in (8, 16, 24):
        if part := value >> shift & 0xFF:
            turn = 16 - shift // 2
            code += _words(0xE3800000 | register << 16 | register << 12 | turn << 8 | part)
    return code


def _arm_copy(target: int, source: int) -> bytes:
    return _words(0xE1A00000 | target << 12 | source)


def _arm_jump(when: When, distance: int) -> bytes:
    condition = (0xE, 0x4, 0x0)[when.value]
    return _words(0xE3500000, condition << 28 | 0x0A000000 | distance - 12 >> 2 & 0xFFFFFF)


def _arm64_load(register: int, value: int) -> bytes:
    high, low = divmod(value, 0x10000)
    return _words(0xD2800000 | low << 5 | register, 0xF2A00000 | high << 5 | register)


def _arm64_copy(target: int, source: int) -> bytes:
    return _words(0xAA0003E0 | source << 16 | target)


def _arm64_jump(when: When, distance: int) -> bytes:
    code, width, place = (
        (0x14000000, 26, 0),  # b
        (0xB7F80000, 14, 5),  # tbnz x0, #63
        (0xB4000000, 19, 5),  # cbz x0
    )[when.value]
    return _words(code | (distance >> 2 & (1 << width) - 1) << place)


def _riscv_load(register: int, value: int) -> bytes:
    lui = value + 0x800 & 0xFFFFF000 | register << 7 | 0x37
    return _words(lui, (value & 0xFFF) << 20 | register << 15 | register << 7 | 0x13)


def _riscv_copy(target: int, source: int) -> bytes:
    return _words(source << 15 | target << 7 | 0x13)


def _riscv_jump(when: When, distance: int) -> bytes:
    code = (0x00000063, 0x00054063, 0x00050063)[when.value]  # beq x0, x0; bltz a0; beqz a0
    far = (distance >> 12 & 1) << 31 | (distance >> 5 & 0x3F) << 25
    return _words(code | far | (distance >> 1 & 0xF) << 8 | (distance >> 11 & 1) << 7)


def _power_load(register: int, value: int) -> bytes:
    high, low = divmod(value, 0x10000)
    ori = 0x60000000 | register << 21 | register << 16 | low
    return _words(0x3C000000 | register << 21 | high, ori)


def _power_copy(target: int, source: int) -> bytes:
    return _words(0x7C000378 | source << 21 | target << 16 | source << 11)


def _power_jump(when: When, distance: int) -> bytes:
    code = (0x42800000, 0x41800000, 0x41820000)[when.value]
    return _words(0x2C230000, code | distance - 4 & 0xFFFC)


def _s390_load(register: int, value: int) -> bytes:
    return bytes([0xC0, register << 4 | 1]) + struct.pack(">i", value)


def _s390_copy(target: int, source: int) -> bytes:
    return bytes([0xB9, 0x04, 0x00, target << 4 | source])


def _s390_jump(when: When, distance: int) -> bytes:
    test, mask = b"\xb9\x02\x00\x22", (15, 4, 8)[when.value]
    return test + bytes([0xA7, mask << 4 | 4]) + struct.pack(">h", (distance - 4) // 2)


_X86 = (_x86_load, _x86_copy, _x86_jump)
_ARM = (_arm_load, _arm_copy, _arm_jump)
_ARM64 = (_arm64_load, _arm64_copy, _arm64_jump)
_RISCV = (_riscv_load, _riscv_copy, _riscv_jump)
_POWER = (_power_load, _power_copy, _power_jump)
_S390 = (_s390_load, _s390_copy, _s390_jump)
# An error on Power is a flag and a positive number: sc; bns +8; neg r3, r3
_POWER_TRAP = _words(0x44000002, 0x40830008, 0x7C6300D0)
_NEW = (93, 63, 64, 57, 198, 200, 201, 242, 203, 208, 206)  # the table that newer ports share
_OLD = (1, 3, 4, 6)
_LATE = (*_OLD, 359, 361, 363, 364, 362, 366, 369)  # no socket calls of their own before Linux 4.3

MACHINES: Mapping[str, Machine] = {
    "amd64": Machine(
        *_X86, b"\x0f\x05", 0, 0, (7, 6, 2, 10, 8, 9), (16, 17),
        calls=(60, 0, 1, 3, 41, 49, 50, 288, 42, 54, 44), elf_machine=62,
    ),
    "arm64": Machine(
        *_ARM64, _words(0xD4000001), 8, 0, range(6), (19, 20), calls=_NEW, elf_machine=183
    ),
    "arm": Machine(
        *_ARM, _words(0xEF000000), 7, 0, range(6), (8, 9),
        calls=(*_OLD, 281, 282, 284, 366, 283, 294, 290),
        elf_machine=40, elf_flags=0x05000000, bits=32,
    ),
    "386": Machine(
        *_X86, b"\xcd\x80", 0, 0, (3, 1, 2, 6, 7, 5), (16, 17),
        calls=_LATE, elf_machine=3, bits=32,
    ),
    "riscv64": Machine(
        *_RISCV, _words(0x73), 17, 10, range(10, 16), (18, 19), calls=_NEW, elf_machine=243
    ),
    "ppc64le": Machine(
        *_POWER, _POWER_TRAP, 0, 3, range(3, 9), (14, 15),
        calls=(*_OLD, 326, 327, 329, 344, 328, 339, 335), elf_machine=21, elf_flags=2,
    ),
    "s390x": Machine(
        *_S390, b"\x0a\x00", 1, 2, range(2, 8), (8, 9), calls=_LATE, elf_machine=22, order=">"
    ),
}  # fmt: skip
"""By OCI architecture name."""


def link(machine: Machine, steps: Iterable[Step]) -> bytes:
    """Make the executable.

    KeyError for a jump to a mark that is not there; ValueError for a call that is not among
    :data:`CALLS` or has more than six arguments, and for more code or data than fits.
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
    if size > PAGE or len(code) > MOST_CODE:
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
    """The code, made twice: first to learn where the marks are, then with jumps that go there."""
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
