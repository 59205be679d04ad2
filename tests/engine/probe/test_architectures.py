"""Every architecture's instructions are what GNU's own tools read back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from certify.engine.probe.architectures import MACHINES
from certify.engine.probe.machine import BUFFER, BUFFER_SIZE, Call, Jump, Mark, Slot, When, link

EVERYTHING = (
    Call("sendto", (Slot.FIRST, 0x12345678, 0xFFF, 0, 4, 5), keep=Slot.SECOND),
    Mark("here"),
    Jump("here", When.NEGATIVE),
    Jump("end", When.ZERO),
    Jump("here"),
    Call("exit", (Slot.SECOND,)),
    Mark("end"),
)
# What GNU objdump reads back as these very loads, copies, calls and jumps.
CODE = {
    "amd64": """
        8b7c2400 be78563412 baff0f0000 41ba00000000 41b804000000 41b905000000 b82c000000 0f05
        89442408 85c00f88f8ffffff 85c00f8410000000 e9ebffffff 8b7c2408 b83c000000 0f05""",
    "arm64": """
        e00313aa 01cf8ad2 8146a2f2 e2ff81d2 0200a0f2 030080d2 0300a0f2 840080d2 0400a0f2 a50080d2
        0500a0f2 c81980d2 0800a0f2 010000d4 f40300aa 0000f8b7 c00000b4 feffff17 e00314aa a80b80d2
        0800a0f2 010000d4""",
    "arm": """
        0800a0e1 7810a0e3 561c81e3 341881e3 121481e3 ff20a0e3 0f2c82e3 0030a0e3 0440a0e3 0550a0e3
        2270a0e3 017c87e3 000000ef 0090a0e1 000050e3 fdffff4a 000050e3 0400000a 000050e3 f9ffffea
        0900a0e1 0170a0e3 000000ef""",
    "386": """
        8b5c2400 b978563412 baff0f0000 be00000000 bf04000000 bd05000000 b871010000 cd80
        89442408 85c00f88f8ffffff 85c00f8410000000 e9ebffffff 8b5c2408 b801000000 cd80""",
    "riscv64": """
        13050900 b7553412 93858567 37160000 1306f6ff b7060000 93860600 37070000 13074700 b7070000
        93875700 b7080000 9388e80c 73000000 93090500 63400500 630c0500 e30c00fe 13850900 b7080000
        9388d805 73000000""",
    "ppc64le": """
        7873c37d 3412803c 78568460 0000a03c ff0fa560 0000c03c 0000c660 0000e03c 0400e760 0000003d
        05000861 0000003c 4f010060 02000044 08008340 d000637c 781b6f7c 0000232c fcff8041 0000232c
        24008241 0000232c ecff8042 787be37d 0000003c 01000060 02000044 08008340 d000637c""",
    "s390x": """
        b9040028 c03112345678 c04100000fff c05100000000 c06100000004 c07100000005 c01100000171
        0a00 b9040092 b9020022 a744fffe b9020022 a784000c b9020022 a7f4fff6 b9040029 c01100000001
        0a00""",
}
READELF = {
    "amd64": ("ELF64", "little", "X86-64", "0x0"),
    "arm64": ("ELF64", "little", "AArch64", "0x0"),
    "arm": ("ELF32", "little", "ARM", "0x5000000, Version5 EABI"),
    "386": ("ELF32", "little", "Intel 80386", "0x0"),
    "riscv64": ("ELF64", "little", "RISC-V", "0x0"),
    "ppc64le": ("ELF64", "little", "PowerPC64", "0x2, abiv2"),
    "s390x": ("ELF64", "big", "IBM S/390", "0x0"),
}


@pytest.mark.parametrize("architecture", MACHINES)
def test_steps_become_the_right_instructions(architecture: str) -> None:
    program = link(MACHINES[architecture], EVERYTHING)
    assert program.endswith(bytes.fromhex(CODE[architecture]))


@pytest.mark.parametrize("architecture", MACHINES)
def test_readelf_agrees(architecture: str, tmp_path: Path) -> None:
    if not (readelf := shutil.which("readelf")):
        pytest.skip("no readelf: apt-get install binutils")
    file = tmp_path / "program"
    file.write_bytes(link(MACHINES[architecture], EVERYTHING))
    run = subprocess.run([readelf, "-hlW", file], capture_output=True, text=True, check=True)
    assert not run.stderr
    facts = dict(line.strip().split(":", 1) for line in run.stdout.splitlines() if ":" in line)
    elf_class, order, machine, flags = READELF[architecture]
    assert facts["Class"].strip() == elf_class
    assert order in facts["Data"]
    assert facts["Type"].strip() == "EXEC (Executable file)"
    assert machine in facts["Machine"]
    assert facts["Flags"].strip() == flags
    rows = [line.split() for line in run.stdout.splitlines()]
    segments = [row for row in rows if row and row[0] in {"LOAD", "GNU_STACK"}]
    assert [(row[0], "".join(row[6:-1])) for row in segments] == [
        ("LOAD", "RE"),
        ("LOAD", "RW"),
        ("GNU_STACK", "RW"),
    ]
    assert all(row[-1] == "0x10000" for row in segments)
    assert int(segments[1][2], 16) == BUFFER
    assert int(segments[1][5], 16) == BUFFER_SIZE
