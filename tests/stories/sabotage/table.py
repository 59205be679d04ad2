"""``make sabotage``: certify every sabotaged image, and print check, sabotage and outcome.

    python -m tests.stories.sabotage.table [--both] [NAME...]

A line each as soon as it is known. With ``--both``, each is certified in lanes and in series, and
both must find the same. Exit code 0 if in each exactly the named check failed, else 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed

from rich.console import Console
from rich.text import Text

from certify.model.result import Result
from tests.stories.sabotage.ways import examine_both_ways
from tests.stories.sabotage.workshop import (
    Sabotage,
    V,
    at_work,
    examine,
    sabotages,
    surprises,
)

BOTH = "--both"


def examine_one_way(sabotage: Sabotage) -> tuple[Result, list[str]]:
    """Certify an image; return the result, and what surprises."""
    result = examine(sabotage)
    return result, surprises(sabotage, result)


def main(names: list[str]) -> int:
    """Print the table for all sabotages, or for those that are named."""
    work = examine_both_ways if BOTH in names else examine_one_way
    named = [name for name in names if name != BOTH]
    return print_table(sabotages(), named, work, lambda each: each.check)


def print_table(
    variants: Sequence[V],
    names: Sequence[str],
    work: Callable[[V], tuple[Result, Sequence[str]]],
    subject: Callable[[V], str],
) -> int:
    """Certify all variants, or those that are named; return the exit code.

    ``work`` certifies one, and returns the result and what surprises, which stands below the line
    of the image. The line begins with its subject.
    """
    console = Console(highlight=False, width=80)
    chosen = {each.name: each for each in variants if not names or each.name in names}
    if unknown := set(names) - set(chosen):
        console.print(f"no such image: {', '.join(sorted(unknown))}", style="red")
        return 2
    wrong = 0
    console.print(f"{'about':<20} {'image':<34} {'outcome':<14} seconds", style="bold")
    with at_work(work, chosen.values()) as futures:
        ends = {future: name for name, future in futures.items()}
        for future in as_completed(ends):
            variant = chosen[ends[future]]
            told: Sequence[str]
            try:
                result, told = future.result()
            except Exception as error:
                told, status, seconds = [f"{type(error).__name__}: {error}"], "broke", 0.0
            else:
                status = result.verdict.status.value
                seconds = (result.finished_at - result.started_at).total_seconds()
            wrong += bool(told)
            mark, style = ("✗", "red") if told else ("✓", "green")
            line = f"{subject(variant):<20} {variant.name:<34} {mark} {status:<12} {seconds:6.1f}"
            console.print(Text(line, style=style))
            for each in told:
                console.print(Text(f"  {each}"))
    console.print(f"{len(chosen) - wrong} of {len(chosen)} as expected")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
