"""Steps become a program: code and data in their places, or a refusal."""

from __future__ import annotations

import struct

import pytest

from certify.engine.probe.architectures import MACHINES
from certify.engine.probe.machine import CODE_LIMIT, PAGE, Call, Jump, link


@pytest.mark.parametrize("architecture", MACHINES)
def test_the_entry_point_is_the_first_instruction(architecture: str) -> None:
    machine = MACHINES[architecture]
    program = link(machine, (Call("write", (1, b"some data", 9)), Call("exit", (0,))))
    code = link(machine, (Call("exit", (0,)),))[-8:]
    assert program.endswith(code)
    (entry,) = struct.unpack_from(machine.order + ("Q" if machine.bits == 64 else "I"), program, 24)
    assert program[: entry - 0x400000].rstrip(b"\0").endswith(b"some data")


@pytest.mark.parametrize("architecture", MACHINES)
def test_same_bytes_are_stored_once_and_aligned(architecture: str) -> None:
    machine = MACHINES[architecture]
    odd, text = b"odd", b"stored only once"
    program = link(machine, [Call("write", (1, item, 3)) for item in (odd, text, text)])
    assert program.count(text) == 1
    assert program.index(text) % 8 == 0


def test_invalid_programs_are_refused() -> None:
    machine = MACHINES["amd64"]
    with pytest.raises(KeyError, match="nowhere"):
        link(machine, (Jump("nowhere"),))
    with pytest.raises(ValueError, match="not in tuple"):
        link(machine, (Call("reboot", ()),))
    with pytest.raises(ValueError, match="zip"):
        link(machine, (Call("write", tuple(range(7))),))
    with pytest.raises(ValueError, match="too many"):
        link(machine, (Call("write", (1, bytes(PAGE), PAGE)),))
    with pytest.raises(ValueError, match="too many"):
        link(machine, (Call("exit", (0,)),) * CODE_LIMIT)
