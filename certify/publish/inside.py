"""What changed inside an image between two results, for a terminal."""

from __future__ import annotations

from rich.console import Console, Group
from rich.text import Text

from certify.judge.culprits import Comparison
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.layout import Paragraph
from certify.publish.phrases import verdict_of
from certify.publish.text import STATUS_STYLES
from certify.util.text import one_line, short_digest

SHOWN = 30
UNKNOWN = "What they hold is not known: one of them was certified before certify kept inventories."
SAME = (
    "Nothing inside changed. What else can: the repositories that packages come from, the host, and"
    " certify's own checks."
)


def print_comparison(found: Comparison, console: Console) -> None:
    """Print both results, and what changed between them, likely culprits first."""
    after = found.after
    names = (after.image.reference, after.profile, after.image.platform)
    lines = [
        Paragraph(Text(" · ".join(one_line(each) for each in names if each), "bold")),
        _side("before", found.before),
        _side("now", after),
    ]
    inside = found.inside
    if not inside:
        lines.append(Paragraph(Text(UNKNOWN if inside is None else SAME)))
    else:
        broken = after.verdict.status is Status.REJECTED
        lines.append(Paragraph(Text(f"Inside{', likely culprits first' * broken}:")))
        lines += [Paragraph(Text(str(each)), first="  ") for each in inside[:SHOWN]]
        if len(inside) > SHOWN:
            more = f"and {len(inside) - SHOWN} more (--format json)"
            lines.append(Paragraph(Text(more, "dim"), first="  "))
    console.print(Group(*lines), width=min(console.width, 100), crop=False)


def _side(word: str, result: Result) -> Paragraph:
    image = result.image
    reasons = result.verdict.reasons
    text = Text.assemble(
        f"{word:<8}", (verdict_of(result), STATUS_STYLES[result.verdict.status]),
        f"  {short_digest(image.identity or 'unknown')}"
        f"  {result.finished_at:%Y-%m-%d %H:%M} UTC",
    )  # fmt: skip
    if reasons and result.verdict.status is not Status.CERTIFIED:
        text.append(f" — {one_line(reasons[0].check or '')} {one_line(reasons[0].text)}", "dim")
    return Paragraph(text, first="  ")
