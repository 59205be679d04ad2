"""The pages of docs/contributing, followed step by step in a copy of the repository.

A fenced block with ``file=PATH`` is a step by hand: the file is made, or the block is added to its
end, or, with ``after="TEXT"``, behind the line that holds the text. A block ``sh`` is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certify.engine.packages import families

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for page in (ROOT / "docs" / "contributing").glob("*.md") if page.name != "README.md"
)
MOST_FILES = 3
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?(?: after=([\"'])(.+?)\3)?\n(.*?)^```$", re.M | re.S)


def steps(page: Path) -> list[tuple[str, str, str, str]]:
    """Language, file, the text of the line to insert behind, and body of each block of a page."""
    found = (match.groups("") for match in BLOCK.finditer(page.read_text("utf-8")))
    return [(language, file, after, body) for language, file, _, after, body in found]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what git knows of the repository, with this one's virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    folders = set()
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            folders.add(Path(name).parent)
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    for each in folders:  # compiled modules count for files as old as those they are made of
        if (compiled := ROOT / each / "__pycache__").is_dir():
            shutil.copytree(compiled, tmp_path / each / "__pycache__")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def put(file: Path, body: str, after: str) -> None:
    """Take one step by hand."""
    if not after:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(f"{before}\n\n{body}" if before else body, "utf-8")
        return
    lines = file.read_text("utf-8").splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if after in line][:1]
    lines.insert(place + 1, body)
    file.write_text("".join(lines), "utf-8")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(folder), "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_asks_for_few_files_and_shows_how_to_try_them(page: Path) -> None:
    found = steps(page)
    by_hand = {file for _, file, _, _ in found if file}
    assert 1 <= len(by_hand) <= MOST_FILES, by_hand
    assert any(language == "sh" for language, *_ in found)


def test_the_steps_of_all_pages_lead_where_they_should(copy: Path) -> None:
    """All in one copy, so that what is slow to start runs once: the documents, and pytest.

    What no step touches is left out, as it was tested in the checkout itself: the site of the
    documentation and its command lines, and the families of package managers that ship.
    """
    bodies = []
    for page in PAGES:
        for language, file, after, body in steps(page):
            if file:
                put(copy / file, body, after)
            elif language == "sh":
                bodies.append(body)
    commands = list(dict.fromkeys("".join(bodies).splitlines()))
    tests = [each.removeprefix("pytest -q ") for each in commands if each.startswith("pytest -q ")]
    assert tests
    others = [each for each in commands if not each.startswith("pytest -q ")]
    untouched = ["site_of_the_documentation", "every_command_of_the_documentation"]
    untouched += [f"-{family.name}]" for family in families()]
    options = f"-q -p no:cacheprovider -k 'not ({' or '.join(untouched)})'"
    for body in ("\n".join(others), f"pytest {options} {' '.join(tests)}"):
        ended = run(body, copy)
        assert ended.returncode == 0, f"{body}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "contributing" / "README.md").read_text("utf-8")
    assert {page.name for page in PAGES} == set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
