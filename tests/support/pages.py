"""Pages of the documentation whose commands a test runs as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
ENDS = re.compile(r" +# exits with (\d)$")


def blocks(page: str) -> list[tuple[str, str, str]]:
    """The language, the file (or nothing) and the text of each block of a page."""
    return BLOCK.findall((ROOT / "docs" / page).read_text("utf-8"))


def run_page(page: str, folder: Path, **environment: str) -> dict[str, str]:
    """Write the files of a page, and run its commands, in the page's order; return what each said.

    A command must end with 0, or as its comment ``# exits with N`` says.
    """
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "certify").symlink_to(shutil.which("certify", path=str(ROOT / ".venv/bin")) or "")
    known = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "CI": "1"} | environment
    said = {}
    for language, file, body in blocks(page):
        if file:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(body, "utf-8")
        elif language == "sh":
            for line in body.replace("\\\n", " ").splitlines():
                ended = subprocess.run(
                    ["sh", "-c", line], cwd=folder, env=known, text=True,
                    capture_output=True, check=False, timeout=120,
                )  # fmt: skip
                wanted = int(found[1]) if (found := ENDS.search(line)) else 0
                assert ended.returncode == wanted, f"{line}\n{ended.stdout}{ended.stderr}"
                said[line] = ended.stdout + ended.stderr
    return said
