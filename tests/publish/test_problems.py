"""The problems of a result: everything once, and nothing that is well."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console, Group

from certify.model.result import Check, Reason, Result
from certify.model.terms import Outcome, Status
from certify.publish.layout import EVIDENCE_ROWS
from certify.publish.problems import ProblemSections

MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def shown(result: Result, width: int = 80) -> str:
    """The sections of a result, a blank line after each."""
    file = io.StringIO()
    console = Console(file=file, width=width)
    for section in filter(None, ProblemSections(result, width).sections()):
        console.print(Group(*section), crop=False)
        console.print()
    return file.getvalue()


def test_a_result_without_problems_has_no_section(native: Result) -> None:
    assert shown(native) == ""


def test_a_recommended_failure_is_marked_as_such(on_launch: Result) -> None:
    text = shown(on_launch)
    assert "! systemd.units failed (recommended)" in text


def test_a_reason_is_not_shown_twice(rejected: Result, halting: Result) -> None:
    assert shown(rejected).count("dockerd answers, but no container") == 1
    text = shown(halting)
    assert text.count("Temporary failure resolving") == 2  # of two checks
    assert text.count("  → See that containers reach the network.") == 1


def test_the_same_evidence_is_not_shown_twice(halting: Result) -> None:
    text = shown(halting)
    assert text.count("Err:39") == 1
    assert "(the same evidence as for packages.refresh)" in text


def test_a_reason_with_more_detail_is_shown(make_check: MakeCheck, make_result: MakeResult) -> None:
    failed = make_check("systemd.pid1", Outcome.FAILED, message="PID 1 is sh", remedy="Install it.")
    reason = Reason(check="systemd.pid1", text="The host lacks cgroups.", remedy="Mount them.")
    text = shown(make_result(checks=(failed,), status=Status.INCONCLUSIVE, reasons=(reason,)))
    assert "  The host lacks cgroups. (systemd.pid1)\n  → Mount them.\n\n✗ systemd.pid1" in text
    assert "  PID 1 is sh\n  → Install it.\n" in text


def test_skipped_checks_are_grouped_by_cause(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    def skipped(name: str, message: str) -> Check:
        return make_check(name, Outcome.SKIPPED, message=message)

    checks = (skipped("a.a", "needs x.y"), skipped("b.b", "needs z"), skipped("c.c", "needs x.y"))
    text = shown(make_result(checks=checks, status=Status.INCONCLUSIVE))
    assert "– skipped: a.a, c.c — needs x.y\n\n" in text.replace("\n– ", "\n\n– ")
    assert "– skipped: b.b — needs z\n" in text


def test_unknown_checks_without_evidence_share_a_paragraph(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    def unknown(name: str, **fields: str) -> Check:
        return make_check(name, Outcome.UNKNOWN, message="was not run", **fields)

    checks = (unknown("a.a"), unknown("b.b", evidence="seen"), unknown("c.c"), make_check("d.d"))
    text = shown(make_result(checks=checks, status=Status.INCONCLUSIVE))
    assert "? b.b unknown\n  was not run\n    seen\n\n? unknown: a.a, c.c — was not run\n" in text


def test_many_skipped_checks_are_counted(make_check: MakeCheck, make_result: MakeResult) -> None:
    failed = make_check("image.os", Outcome.FAILED, message="no system")
    others = tuple(
        make_check(f"g.c{n}", Outcome.SKIPPED, message="needs image.os", evidence="a log")
        for n in range(20)
    )
    text = shown(make_result(checks=(failed, *others), status=Status.REJECTED))
    assert "– skipped: all 20 others — needs image.os\n" in text


def test_the_same_remedy_is_shown_once(make_check: MakeCheck, make_result: MakeResult) -> None:
    checks = tuple(
        make_check(f"g.c{n}", Outcome.FAILED, message=f"no {n}", remedy="Repair  it.") for n in "ab"
    )
    text = shown(make_result(checks=checks, status=Status.REJECTED))
    assert text.count("  → Repair it.\n") == 1


def test_evidence_of_a_reason_is_shown_like_that_of_a_check(
    make_result: MakeResult,
) -> None:
    lines = [f"line {number}" for number in range(100)] + ["\x1b]0;title\x07 it\x1b[2J ended"]
    evidence = "\n".join(lines)
    trouble = Reason(check=None, text="It would not start", remedy="Repair it.", evidence=evidence)
    text = shown(make_result(checks=(), status=Status.INCONCLUSIVE, reasons=(trouble,)))
    text_of_reason, *rows, remedy = text.splitlines()[: EVIDENCE_ROWS + 2]
    assert (text_of_reason, remedy) == ("  It would not start", "  → Repair it.")
    assert rows[0] == "    line 0"
    assert rows[-1] == "     it ended"
    assert "\x1b" not in text
