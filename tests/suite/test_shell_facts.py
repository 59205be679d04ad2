"""Facts that a test in the shell decides, tried in a shell of this machine."""

from __future__ import annotations

import subprocess

import pytest

from certify.model.host import ORDINARY_FILES
from certify.suite.shell_facts import BY_SHELL

RAISED = "the launch raises the OOM score"
FEW = "the launch grants fewer open files than ordinary engines do"


@pytest.mark.parametrize("fact", BY_SHELL)
def test_each_is_a_script_of_the_shell(fact: str) -> None:
    checked = subprocess.run(["sh", "-n", "-c", BY_SHELL[fact]], check=False, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("granted", "few"),
    [("1024", True), (str(ORDINARY_FILES - 1), True), (str(ORDINARY_FILES), False),
     ("1048576", False), ("unlimited", False)],
)  # fmt: skip
def test_few_open_files_are_fewer_than_systemd_grants(granted: str, few: bool) -> None:
    lines = f"Max processes  100  100  processes\nMax open files  1024  {granted}  files\n"
    script = BY_SHELL[FEW].replace("/proc/1/limits", "/dev/stdin")
    ended = subprocess.run(["sh", "-c", script], input=lines, text=True, check=False)
    assert (ended.returncode == 0) is few


@pytest.mark.parametrize(("score", "raised"), [("200", True), ("0", False), ("-500", False)])
def test_an_oom_score_above_the_ordinary_one_is_raised(score: str, raised: bool) -> None:
    script = BY_SHELL[RAISED].replace("/proc/1/oom_score_adj", "/dev/stdin")
    ended = subprocess.run(["sh", "-c", script], input=f"{score}\n", text=True, check=False)
    assert (ended.returncode == 0) is raised
