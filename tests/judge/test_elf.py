"""The machine that a program is made for."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.engine.probe.programs import ARCHITECTURES as PROBES
from certify.engine.probe.programs import echo
from certify.judge.elf import other_machine


def header(machine: int, *, wide: bool = True, big: bool = False) -> bytes:
    """Return the beginning of an ELF file."""
    identity = b"\x7fELF" + bytes([1 + wide, 1 + big, 1]) + bytes(9)
    return identity + struct.pack(">HH" if big else "<HH", 2, machine)


@pytest.mark.parametrize("architecture", PROBES)
def test_certifys_own_programs_are_told_apart(architecture: str) -> None:
    program = echo(architecture, b"word")
    assert [each for each in PROBES if not other_machine(program, each)] == [architecture]
    assert {other_machine(program, each) for each in PROBES} == {"", architecture}


@pytest.mark.parametrize(
    ("program", "architecture", "other"),
    [
        (header(8), "mips64le", ""),
        (header(8, wide=False), "mips64le", "mipsle"),
        (header(8, big=True), "mips64le", "mips64"),
        (header(8, wide=False, big=True), "mips", ""),
        (header(21), "ppc64le", ""),
        (header(21, big=True), "ppc64le", "ppc64"),
        (header(22, big=True), "s390x", ""),
        (header(258), "loong64", ""),
        (header(2, wide=False, big=True), "amd64", "another machine"),  # SPARC
        (header(2, big=True), "sparc64", ""),
        (header(62), "sparc64", "amd64"),
        (b"#!/bin/busybox sh\n" + bytes(40), "amd64", ""),
        (b"\x7fELF", "amd64", ""),
        (b"", "amd64", ""),
    ],
)
def test_only_what_is_surely_another_machine_is_told(
    program: bytes, architecture: str, other: str
) -> None:
    assert other_machine(program, architecture) == other


@given(st.binary(max_size=40), st.sampled_from([*PROBES, "wasm"]))
def test_no_file_breaks_it(tail: bytes, architecture: str) -> None:
    assert other_machine(b"\x7fELF" + tail, architecture) != architecture
