"""The table of verdicts by engine, in ``docs/launching.md``, and the engines that are supported.

``scripts/engines`` keeps the verdicts that were right in ``engines.json``; ``python -m
tests.stories.engines`` writes the table and the README's list of engines from it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TypedDict

from certify.model.result import Result
from certify.model.terms import Status
from tests.stories.expected import EXPECTED, Expected

ROOT = Path(__file__).parents[2]
MEASURED = Path(__file__).with_name("engines.json")
BLOCK = re.compile(r"(?<=<!-- engines: begin -->\n).*?(?=<!-- engines: end -->)", re.DOTALL)
BOOTS = "debian-devspace devspace"
"""The row without which an engine is not supported: systemd boots, and dockerd runs in it."""


class Kept(TypedDict):
    """What was measured on an engine."""

    engine: str
    verdicts: dict[str, str]


def measured() -> dict[str, Kept]:
    """Return the verdicts by the name of the recipe in ``scripts/engines``, and by row."""
    found: dict[str, Kept] = json.loads(MEASURED.read_text("utf-8"))
    return found


def row_name(expected: Expected) -> str:
    """Return the name of a row."""
    return f"{expected.sample} {expected.profile}"


def expected_verdicts() -> dict[str, str]:
    """Return the right verdict of each row."""
    return {row_name(each): f"{each.status} {each.grade or ''}".rstrip() for each in EXPECTED}


def keep(name: str, expected: Expected, result: Result) -> None:
    """Keep the verdict of a row; an open one with its first reason."""
    kept, host = measured(), result.host
    version = ".".join(host.engine_version.split(".")[:2]) if host else ""
    title = f"{host.engine.capitalize() if host else ''} {version}"
    kind = name.split("-")[2:]
    of_engine = kept.setdefault(name, Kept(engine="", verdicts={}))
    of_engine["engine"] = f"{title}, {' '.join(kind)}" if kind and kind[0] != "this" else title
    verdict = f"{result.verdict.status} {result.verdict.grade or ''}".rstrip()
    if result.verdict.status is Status.INCONCLUSIVE:
        verdict += f": {result.verdict.reasons[0].text}"
    of_engine["verdicts"][row_name(expected)] = verdict
    MEASURED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")


def table() -> str:
    """Return the table in Markdown, and the reasons of what is open below it."""
    engines = sorted(measured().values(), key=lambda each: each["engine"])
    lines = [["sample, profile", *(each["engine"] for each in engines)]]
    lines.append(["---"] * len(lines[0]))
    reasons: dict[str, int] = {}
    for name in expected_verdicts():
        cells = []
        for each in engines:
            verdict, _, reason = each["verdicts"].get(name, "not measured").partition(": ")
            if reason:
                verdict += f" ({reasons.setdefault(reason, len(reasons) + 1)})"
            cells.append(verdict)
        lines.append([name.replace(" ", ", "), *cells])
    rows = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return rows + "".join(f"\n({number}) {reason}\n" for reason, number in reasons.items())


def supported() -> list[str]:
    """Return the engines on which every verdict that was measured is the right one.

    That of an image which boots is among them.
    """
    right = expected_verdicts()
    return sorted(
        each["engine"]
        for each in measured().values()
        if BOOTS in each["verdicts"] and each["verdicts"].items() <= right.items()
    )


def sentence() -> str:
    """Return the README's sentence on the engines that are supported."""
    kinds: dict[str, list[str]] = {}
    for name, _, kind in (each.partition(", ") for each in supported()):
        kinds.setdefault(name, []).append(kind)
    *most, last = (name + f" ({' or '.join(of)})" * any(of) for name, of in kinds.items())
    return (
        f"It needs a container engine: on {', '.join(most)} and {last}, "
        "every sample that was tried got [the right verdict]"
        "(docs/launching.md#verdicts-by-engine).\n"
    )


def main() -> None:
    """Write table and sentence into their pages."""
    for page, text in (("docs/launching.md", table()), ("README.md", sentence())):
        before, after = BLOCK.split((ROOT / page).read_text("utf-8"))
        (ROOT / page).write_text(before + text + after, "utf-8")


if __name__ == "__main__":
    main()
