"""Package managers × faults: the candidates and the right verdicts, from ``worlds.toml``.

A run keeps the verdicts that were right in ``measured.json``; ``python -m
tests.stories.worlds.worlds`` writes them as a table into docs/inconclusive.md.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.package_server import FAULTS

FOLDER = Path(__file__).parent
PROFILE = FOLDER / "profile.toml"
PAGE = FOLDER.parents[2] / "docs/inconclusive.md"
MEASURED = FOLDER / "measured.json"
BLOCK = re.compile(r"(?<=<!-- worlds: begin -->\n).*?(?=<!-- worlds: end -->)", re.DOTALL)
_DATA = tomllib.loads((FOLDER / "worlds.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Cell:
    """One package manager with one fault."""

    family: str
    fault: str

    def __str__(self) -> str:
        return f"{self.family}-{self.fault}"

    @property
    def _world(self) -> dict[str, Any]:
        own: dict[str, Any] = _DATA["families"][self.family]
        like: dict[str, Any] = _DATA["families"].get(own.get("like"), {})
        return like | own

    @property
    def _wrong(self) -> dict[str, Any]:
        found: dict[str, Any] = _DATA["faults"][self.fault]
        return found

    @property
    def is_possible(self) -> bool:
        """True if the manager can have the fault."""
        return self.family not in self._wrong.get("without", ())

    @property
    def verdict(self) -> str:
        """The right verdict."""
        return str(self._wrong.get("except", {}).get(self.family, self._wrong["verdict"]))

    @property
    def says(self) -> str:
        """Words of the first reason; empty if the candidate is certified."""
        return str(self._wrong.get("says", "")) if self.verdict != "certified" else ""

    @property
    def profile(self) -> str:
        """The profile: ``plain``, or one that starts the image's own command."""
        return str(PROFILE) if "command" in self._wrong else "plain"

    def _of(self, key: str) -> str:
        """Return the shell commands of the fault for the family, or for the one that it is like."""
        commands = self._wrong.get(key, {})
        return str(commands.get(self.family, commands.get(self._world.get("like"), "")))

    def dockerfile(self, server: str) -> str:
        """Return the candidate's Dockerfile; ``server`` is the URL of the repositories."""
        world, wrong = self._world, self._wrong
        dead = server.rpartition(":")[0] + ":1"
        root = {"dead": dead, "no-dns": "http://mirror.invalid"}.get(wrong.get("server", ""), "")
        if wrong.get("server") in FAULTS:
            root = f"{server}/{wrong['server']}"
        key = wrong.get("key", "")
        text = world["text"] + (world["second"] if wrong.get("second") else "")
        if wrong.get("empty"):
            text = world.get("empty", "")
        text = text.replace("{options}", world["signed" if key else "options"])
        for name, value in {
            "url": f"{root or server}/{world['repository']}", "dead": f"{dead}/x", "key": key,
        }.items():  # fmt: skip
            text = text.replace(f"{{{name}}}", value)
        folder = Path(world["file"]).parent
        encoded = base64.b64encode(text.encode()).decode()
        steps = [f"mkdir -p {folder}", f"rm -f {folder}/*.repo"]
        steps += [f"echo '{encoded}' | base64 -d >{world['file']}", world.get("always", ":")]
        steps += [world["prepare"].replace("{key}", key)] if key and "prepare" in world else []
        steps += [self._of("run")] if "run" in wrong else []
        lines = [f"FROM certify-world/{self.family}", f"RUN {'; '.join(steps)}"]
        if "command" in wrong:
            lines.append(f"CMD {json.dumps(['sh', '-c', self._of('command')])}")
        return "\n".join(lines) + "\n"


def cells() -> tuple[Cell, ...]:
    """Return all cells."""
    every = (Cell(family, fault) for fault in _DATA["faults"] for family in _DATA["families"])
    return tuple(cell for cell in every if cell.is_possible)


def measured() -> dict[str, str]:
    """Return the verdicts that a run saw, by cell."""
    found: dict[str, str] = json.loads(MEASURED.read_text("utf-8"))
    return found


def keep(cell: Cell, verdict: str) -> None:
    """Keep the verdict of a cell."""
    kept = measured() | {str(cell): verdict}
    MEASURED.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", "utf-8")


def table() -> str:
    """Return the table of measured verdicts in Markdown."""
    families, kept = _DATA["families"], measured()
    rows = [
        ["fault", *(each["title"] for each in families.values())],
        ["---"] * (1 + len(families)),
    ]
    for fault, wrong in _DATA["faults"].items():
        row = [Cell(family, fault) for family in families]
        verdicts = (
            kept.get(str(each), "not measured") if each.is_possible else "–" for each in row
        )
        rows.append([wrong["title"], *verdicts])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Write the table into the page."""
    PAGE.write_text(BLOCK.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
