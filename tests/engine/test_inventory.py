"""The command that takes the inventory of an image, run by real shells without a program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from certify.engine.inventory import script
from certify.model.inventory import parse_inventory
from tests.support.shells import SHELLS


@pytest.mark.parametrize("shell", SHELLS.values(), ids=list(SHELLS))
def test_a_shell_takes_it_with_builtins_alone(shell: list[str]) -> None:
    program = shutil.which(shell[0])
    assert program
    taken = subprocess.run(
        [program, *shell[1:], "-c", script()],
        env={"PATH": "/nowhere"}, capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    assert taken.stderr == ""
    found = parse_inventory(taken.stdout, {})
    named = [line.split(":") for line in Path("/etc/passwd").read_text("utf-8").splitlines()]
    assert found["user"] == {
        name: f"{uid}:{gid} {shell}" for name, _, uid, gid, _, _, shell in named
    }
    assert not found.get("package"), "no package manager was found"
