"""Modules that a command imports: only what it uses, which no stopwatch on a busy machine shows."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import certify
from certify.cli.main import COMMANDS
from tests.factories import a_list, an_entry, digest, raw_list

ALL = frozenset(
    {
        "alembic", "cryptography", "docker", "jinja2", "junit_xml", "pydantic", "pytest",
        "requests", "rich", "securesystemslib", "sqlalchemy", "testinfra", "urllib3",
    }
)  # fmt: skip
"""The libraries that take longest to import."""
PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from certify.cli.main import main
main(sys.argv[1:], prog_name="certify")
"""


def imported(folder: Path, *words: str) -> tuple[int, set[str]]:
    """Return the exit code of a command in a process of its own, and its modules."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *words],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("line", ["certify swe", "certify run --pro"])
def test_completion_imports_no_library_for_commands_and_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("_CERTIFY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    ended, modules = imported(tmp_path)
    assert ended == 0
    assert not modules & ALL


@pytest.mark.parametrize(
    ("line", "code", "used"),
    [
        ("completion bash", 0, ""),
        (f"verify debian@{digest(1)} --approved list.json", 3, ""),
        ("profiles", 0, "pydantic rich"),
        ("keys show nothing.pub", 2, "cryptography"),
        ("matrix", 3, "pydantic rich sqlalchemy"),
        ("doctor --help", 0, "docker pydantic requests rich urllib3"),
        ("run --help", 0, ""),
    ],
)
def test_a_command_imports_only_what_it_uses(
    tmp_path: Path, line: str, code: int, used: str
) -> None:
    ended, modules = imported(tmp_path, *line.split())
    assert ended == code
    assert modules & ALL <= set(used.split())


def test_garbage_is_seldom_searched_for(tmp_path: Path) -> None:
    told = "import atexit, gc; atexit.register(lambda: print(gc.get_stats()[0]['collections']))\n"
    counts = []
    for begin in (
        "from certify.cli.main import main as start",
        "from certify.__main__ import start",
    ):
        program = f"{told}import sys; {begin}\nsys.argv[1:] = ['profiles']\nstart()"
        ended = subprocess.run(
            [sys.executable, "-P", "-c", program],
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        counts.append(int(ended.stdout.splitlines()[-1]))
    assert counts[1] < counts[0] / 5


@pytest.mark.parametrize("line", ["--help", "--version"])
def test_help_and_version_import_no_command_and_next_to_nothing(tmp_path: Path, line: str) -> None:
    ended, modules = imported(tmp_path, line)
    assert ended == 0
    assert not modules & ALL
    assert not modules & {f"certify.cli.{name}" for name in COMMANDS}
    assert not modules & {"difflib", "hashlib", "importlib.metadata", "secrets", "traceback"}


def test_a_list_is_verified_without_pydantic(tmp_path: Path) -> None:
    line = f"verify debian@{digest(1)} --approved list.json"
    raw = raw_list(a_list(an_entry(digest=digest(1))))
    (tmp_path / "list.json").write_bytes(raw)
    ended, modules = imported(tmp_path, *line.split())
    assert ended == 1
    assert "certify.signing.published_list" in modules
    assert not modules & ALL


def test_the_version_is_that_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certify.__version__ == metadata.version("certify-images")
    (tmp_path / "certify_images-9.1rc2.dist-info").mkdir()
    (tmp_path / "other-1.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "gone"), str(tmp_path)])
    assert certify.__version__ == "9.1rc2"
    monkeypatch.setattr(sys, "path", [])
    assert certify.__version__ == "0+unknown"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_summary(name: str) -> None:
    command = COMMANDS[name]
    assert command.name == name
    assert command.get_short_help_str(200) == COMMANDS.summaries[name]


def test_a_run_launches_before_it_imports_what_records_and_renders() -> None:
    program = "import sys, certify.cli.run_images; print(*sys.modules)"
    listed = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    modules = set(listed.stdout.split())
    assert not modules & {"sqlalchemy", "jinja2", "certify.ledger.store", "certify.publish.writer"}
    assert {"docker", "pydantic"} <= modules
