"""Without ``--image`` pytest is as it was, but for a few options."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PYTEST = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider"]


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run pytest in a folder, as a person would; exit code and what it printed."""
    ended = subprocess.run(
        [*PYTEST, *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return ended.returncode, ended.stdout.decode()


def outcomes(said: str) -> dict[str, int]:
    """What pytest's last line counts."""
    last = said.rstrip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last.split(" in ")[0])}


def test_without_an_image_nothing_is_imported_and_fixtures_are_testinfras(tmp_path: Path) -> None:
    fixtures = ("candidate", "nested", "note")
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    modules = {'docker', 'pydantic', 'certify.engine', 'certify.suite.conductor'}\n"
        "    assert modules & set(sys.modules) == set()\n"
        "def test_host(host):\n"
        "    assert host.backend.NAME == 'local'\n"
        "    assert host.file('/').is_directory\n"
        + "".join(f"def test_{each}({each}): pass\n" for each in fixtures)
    )
    code, said = run(tmp_path, "--hosts=local://")
    assert (code, outcomes(said)) == (1, {"passed": 2, "errors": 3}), said
    assert all(f"fixture '{each}' not found" in said for each in fixtures)


def test_the_options_are_explained(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--help")
    assert code == 0
    assert all(option in said for option in ("--image", "--profile", "--isolation", "--pull"))
