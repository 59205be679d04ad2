"""The plan and the summary of a sweep, as text for a terminal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from certify.ledger.changes import Change, ChangeKind, SweepEntry, group_by_cause
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.publish import phrases
from certify.publish.indexes import index_text, index_verdicts
from certify.publish.layout import Paragraph
from certify.sweep.plan import Item, ItemState
from certify.util.text import counted, one_line

SLOWEST = 5
NEIGHBOURS = 5
NAMED = 4
"""The number of images of a group that are named; the others are counted."""

_STYLES = {
    ItemState.NEW: "green", ItemState.MOVED: "cyan",
    ItemState.STALE: "yellow", ItemState.FORCED: "yellow",
    ItemState.SAME: "dim", ItemState.FRESH: "dim", ItemState.UNRESOLVED: "red",
}  # fmt: skip
_KINDS = {
    ChangeKind.BROKEN: "bold red", ChangeKind.FIXED: "bold green", ChangeKind.UNCLEAR: "yellow",
    ChangeKind.MOVED: "cyan", ChangeKind.APPEARED: "", ChangeKind.VANISHED: "",
}  # fmt: skip


def print_plan(items: Sequence[Item], console: Console) -> None:
    """Print each image with its state and the reason, then a line that counts them."""
    widest = max((len(item.state.value) for item in items), default=0) + 2
    for item in items:
        text = Text.assemble(
            (f"{item.state.value:<{widest}}", _STYLES[item.state]),
            _name(item.image.reference, item.image.profile),
            (f" — {one_line(item.reason)}", "dim"),
        )
        console.print(Paragraph(text, rest=" " * widest), crop=False)
    console.print(Text(plan_line(items), "bold"))


def plan_line(items: Sequence[Item]) -> str:
    """Return a line such as ``12 images: 2 new, 1 moved, 9 fresh; 3 to certify``."""
    counts = Counter(item.state for item in items)
    parts = [f"{counts[state]} {state.value}" for state in ItemState if counts[state]]
    due = len({item.image.identity for item in items if item.state.due})
    return f"{counted(len(items), 'image')}: {', '.join(parts) or 'none'}; {due} to certify"


def print_summary(
    found: Sequence[SweepEntry],
    changed: Sequence[Change] | None,
    results: Sequence[Result],
    console: Console,
    *,
    elsewhere: int = 0,
) -> None:
    """Print verdicts, changes, failures by cause, recommendations, and the slowest images.

    ``changed`` is None if there was no sweep before; the recommendations are those of ``results``.
    ``elsewhere`` is the number of images that other sweeps certified meanwhile.
    """
    width = min(console.width, 100)
    sections = (
        _verdicts(found, elsewhere), _indexes(results), _changes(changed),
        _failures(found, results), _neighbours(results), _slowest(found),
    )  # fmt: skip
    for section in sections:
        if section:
            console.print(Group(*section), width=width, crop=False)
            console.print()


def _indexes(results: Sequence[Result]) -> list[RenderableType]:
    """Return the verdicts of indexes that are not certified as a whole, and count the others."""
    verdicts = index_verdicts(results)
    others = [index_text(each) for each in verdicts if each.status is not Status.CERTIFIED]
    whole = len(verdicts) - len(others)
    count = f"{whole} of {len(verdicts)} indexes are certified on all their platforms"
    return [Paragraph(Text(each)) for each in (*others, count)] if verdicts else []


def print_changes(changed: Sequence[Change], console: Console) -> None:
    """Print the changes since the sweep before."""
    console.print(Group(*_changes(changed)), width=min(console.width, 100), crop=False)


def _verdicts(found: Sequence[SweepEntry], elsewhere: int) -> list[RenderableType]:
    counts = Counter(each.status for each in found)
    grades = Counter(each.grade for each in found if each.grade)
    words = [f"{counts[status]} {status.value}" for status in Status]
    if grades:
        inner = ", ".join(f"{count} {grade.value}" for grade, count in sorted(grades.items()))
        words[0] += f" ({inner})"
    lines = [Text(f"{counted(len(found), 'image')}: {', '.join(words)}", "bold")]
    if elsewhere:
        lines.append(Text(f"{elsewhere} of them certified by another sweep meanwhile", "dim"))
    return [*lines]


def _changes(changed: Sequence[Change] | None) -> list[RenderableType]:
    if changed is None:
        return []
    if not changed:
        return [Text("Nothing changed since the sweep before.")]
    lines: list[RenderableType] = [Text("Since the sweep before:")]
    for change in changed:
        text = Text.assemble(
            (f"{change.kind.value:<16}", _KINDS[change.kind]), _entry_name(change.image)
        )
        if change.kind in (ChangeKind.BROKEN, ChangeKind.UNCLEAR) and change.image.cause:
            text.append(f" — {one_line(change.image.cause)}", "dim")
        if change.inside:
            text.append(f" — changed inside: {one_line(change.inside, 300)}")
        lines.append(Paragraph(text, first="  "))
    return lines


def _failures(found: Sequence[SweepEntry], results: Sequence[Result]) -> list[RenderableType]:
    """Return a paragraph for each cause: how many images have it, their names, and the remedy."""
    remedies = {
        ResultKey.of(each): each.verdict.reasons[0].remedy
        for each in results
        if each.verdict.reasons
    }
    lines: list[RenderableType] = []
    for cause, images in group_by_cause(found):
        text = Text.assemble(
            (f"{len(images)} {images[0].status.value}", "bold"), f": {one_line(cause, 300)}"
        )
        lines += [Paragraph(text), _names([_entry_name(each) for each in images])]
        remedy = next(filter(None, (remedies.get(each.key) for each in images)), "")
        lines += [Paragraph(Text(one_line(remedy, 300)), first="  → ")] if remedy else []
    return lines


def _neighbours(results: Sequence[Result]) -> list[RenderableType]:
    """Return recommendations: certified bases or close images, those for most images first."""
    near: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if advice := result.recommendation:
            how = "built on" if advice.extends else "closest to"
            best = phrases.alternative_text(advice.extends or advice.closest[0])
            near[f"{how} {best}:"].append(_name(result.image.reference, result.profile))
    ranked = sorted(near.items(), key=lambda pair: -len(pair[1]))
    lines: list[RenderableType] = [Text("Certified neighbours:")] if ranked else []
    for what, names in ranked[:NEIGHBOURS]:
        lines += [Paragraph(Text(what), first="  "), _names(names, indent=4)]
    left = sum(len(names) for _, names in ranked[NEIGHBOURS:])
    return [*lines, Text(f"  and others for {left} more (--format json)", "dim")] if left else lines


def _names(names: Sequence[str], indent: int = 2) -> Paragraph:
    """Return the first few names; the others are counted."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return Paragraph(Text(f"{', '.join(names[:NAMED])}{rest}", "dim"), first=" " * indent)


def _slowest(found: Sequence[SweepEntry]) -> list[RenderableType]:
    timed = [(each.boot_seconds, each) for each in found if each.boot_seconds is not None]
    timed.sort(key=lambda pair: -pair[0])
    if len(timed) < 2:
        return []
    slowest = ", ".join(f"{_entry_name(each)} {seconds:.1f} s" for seconds, each in timed[:SLOWEST])
    return [Paragraph(Text(f"Slowest to boot: {slowest}", "dim"))]


def _entry_name(image: SweepEntry) -> str:
    return _name(image.reference, image.profile)


def _name(reference: str, profile: str) -> str:
    return f"{one_line(reference)} [{one_line(profile)}]" if profile else one_line(reference)
