"""The machine that a program is made for, by its ELF header. Pure.

Source: elf(5), and the numbers of elf.h; the names are those of OCI images (GOARCH).
"""

from __future__ import annotations

import struct

_MACHINES = {
    3: "386", 20: "ppc", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64",
    258: "loong64",
}  # fmt: skip
_MIPS, _POWER = 8, 21
_ALL = {*_MACHINES.values(), "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le"}


def other_machine(program: bytes, architecture: str) -> str:
    """Return the machine that a program is for, if it is surely not an architecture's own."""
    machine = _machine(program)
    if machine in (None, architecture) or not {machine, architecture} & _ALL:
        return ""
    return machine or "another machine"


def _machine(program: bytes) -> str | None:
    """Return the architecture of a program; empty if it is another, None if it is no ELF file."""
    if program[:4] != b"\x7fELF" or len(program) < 20:
        return None
    wide, big = program[4] == 2, program[5] == 2
    machine = struct.unpack(">H" if big else "<H", program[18:20])[0]
    if machine == _MIPS:
        return f"mips{'64' * wide}{'le' * (not big)}"
    if machine == _POWER:
        return f"ppc64{'le' * (not big)}"
    return _MACHINES.get(machine, "")
