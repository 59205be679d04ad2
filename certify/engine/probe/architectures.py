"""The instructions of seven architectures; see :mod:`certify.engine.probe.machine`.

Sources: each architecture's manual for instructions, Linux's own tables for system calls, and
elf(5) for ELF numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from certify.engine.probe.machine import Machine, When


def _words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _x86_load(register: int, value: int) -> bytes:
    high, low = divmod(register, 8)
    return b"\x41" * high + bytes([0xB8 | low]) + struct.pack("<I", value)


def _x86_copy(target: int, source: int) -> bytes:
    """Copy a register; slots are on the stack, over argc and argv[0], as the 386 has none left."""
    if target >= 16:
        return bytes([0x89, 0x44 | source << 3, 0x24, 8 * (target - 16)])
    high, low = divmod(target, 8)
    return b"\x44" * high + bytes([0x8B, 0x44 | low << 3, 0x24, 8 * (source - 16)])


def _x86_jump(when: When, distance: int) -> bytes:
    code = (b"\xe9", b"\x85\xc0\x0f\x88", b"\x85\xc0\x0f\x84")[when.value]
    return code + struct.pack("<i", distance - len(code) - 4)


def _arm_load(register: int, value: int) -> bytes:
    """Load a number byte by byte, as there is no MOVW before ARMv6T2."""
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
# The table that newer ports share.
_NEW = (93, 63, 64, 57, 198, 200, 201, 242, 203, 208, 206, 40, 56)
_OLD = (1, 3, 4, 6)
_SOCKETS = (359, 361, 363, 364, 362, 366, 369)  # separate calls only since Linux 4.3

MACHINES: Mapping[str, Machine] = {
    "amd64": Machine(
        *_X86, b"\x0f\x05", 0, 0, (7, 6, 2, 10, 8, 9), (16, 17),
        calls=(60, 0, 1, 3, 41, 49, 50, 288, 42, 54, 44, 165, 257), elf_machine=62,
    ),
    "arm64": Machine(
        *_ARM64, _words(0xD4000001), 8, 0, range(6), (19, 20), calls=_NEW, elf_machine=183
    ),
    "arm": Machine(
        *_ARM, _words(0xEF000000), 7, 0, range(6), (8, 9),
        calls=(*_OLD, 281, 282, 284, 366, 283, 294, 290, 21, 322),
        elf_machine=40, elf_flags=0x05000000, bits=32,
    ),
    "386": Machine(
        *_X86, b"\xcd\x80", 0, 0, (3, 1, 2, 6, 7, 5), (16, 17),
        calls=(*_OLD, *_SOCKETS, 21, 295), elf_machine=3, bits=32,
    ),
    "riscv64": Machine(
        *_RISCV, _words(0x73), 17, 10, range(10, 16), (18, 19), calls=_NEW, elf_machine=243
    ),
    "ppc64le": Machine(
        *_POWER, _POWER_TRAP, 0, 3, range(3, 9), (14, 15),
        calls=(*_OLD, 326, 327, 329, 344, 328, 339, 335, 21, 286), elf_machine=21, elf_flags=2,
    ),
    "s390x": Machine(
        *_S390, b"\x0a\x00", 1, 2, range(2, 8), (8, 9),
        calls=(*_OLD, *_SOCKETS, 21, 288), elf_machine=22, order=">",
    ),
}  # fmt: skip
"""The machines, by the architecture names of OCI images."""
