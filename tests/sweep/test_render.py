"""What a sweep's summary tells of its images' certified neighbours."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from certify.ledger.changes import sweep_entry
from certify.model.result import Alternative, Reason, Recommendation, Result
from certify.model.terms import Grade, Status
from certify.sweep.render import print_summary

MakeResult = Callable[..., Result]


def summary(*results: Result) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_summary([*map(sweep_entry, results)], None, results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def neighbour(name: str) -> Alternative:
    return Alternative(
        reference=name, digest=None, image_id=None, os=None, grade=Grade.NATIVE,
        certified_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip


def told(result: Result, name: str, recommendation: Recommendation | None) -> Result:
    image = result.image.model_copy(update={"reference": name})
    return result.model_copy(update={"image": image, "recommendation": recommendation})


def test_each_image_is_listed_with_its_certified_neighbour(make_result: MakeResult) -> None:
    bad = make_result(status=Status.REJECTED)
    built = Recommendation(extends=neighbour("base:1"), closest=(neighbour("other:1"),))
    near = Recommendation(closest=(neighbour("other:1"), neighbour("base:1")))
    text = summary(
        told(bad, "good:1", None),
        told(bad, "above:1", built),
        *(told(bad, f"near:{number}", near) for number in range(6)),
    )
    assert (
        "Certified neighbours:\n"
        "  closest to other:1 (native):\n"
        "    near:0 [devspace], near:1 [devspace], near:2 [devspace], near:3 [devspace]\n"
        "    and 2 more\n"
        "  built on base:1 (native):\n"
        "    above:1 [devspace]\n"
        "\n"
    ) in text


def test_each_cause_has_its_remedy(make_result: MakeResult) -> None:
    reason = Reason(check=None, text="it is not there", remedy="Check the spelling.")
    lost = make_result(status=Status.INCONCLUSIVE, reasons=(reason,))
    assert (
        "2 inconclusive: it is not there\n  one:1 [devspace], two:1 [devspace]\n"
        "  → Check the spelling.\n"
    ) in summary(*(told(lost, f"{name}:1", None) for name in ("one", "two")))


def test_only_the_most_frequent_neighbours_are_named(make_result: MakeResult) -> None:
    bad = make_result(status=Status.REJECTED)
    text = summary(
        *(
            told(bad, f"bad:{number}", Recommendation(closest=(neighbour(f"good:{number}"),)))
            for number in range(7)
        )
    )
    assert text.count("closest to") == 5
    assert "  and others for 2 more (--format json)\n" in text


def test_without_neighbours_there_is_no_section(make_result: MakeResult) -> None:
    assert "neighbours" not in summary(make_result(status=Status.REJECTED))
