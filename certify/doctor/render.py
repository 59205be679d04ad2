"""The output of ``certify doctor`` for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from certify.model.examination import Examination, Health, Sign
from certify.publish.layout import Paragraph
from certify.publish.phrases import Mark
from certify.util.text import counted, one_line, safe_json

_MARKS = {
    Health.OK: (Mark.PASSED, "green"),
    Health.WARN: (Mark.NOTED, "yellow"),
    Health.FAIL: (Mark.FAILED, "red"),
}
_NAME_WIDTH = 21


def print_sign(sign: Sign, console: Console) -> None:
    """Print one sign: symbol, name, text and, unless it is OK, the remedy."""
    mark, style = _MARKS[sign.status]
    first = f"{mark} {sign.name:<{_NAME_WIDTH}}"
    indent = " " * len(first)
    text = Text(one_line(sign.text, 600), style if sign.status is not Health.OK else "")
    console.print(Paragraph(text, first=first), crop=False)
    if sign.remedy:
        remedy = Text(one_line(sign.remedy, 600))
        console.print(Paragraph(remedy, first=f"{indent}→ ", rest=f"{indent}  "), crop=False)


def conclusion(signs: Sequence[Sign], *, fit: bool) -> str:
    """Return the conclusion in one sentence; ``fit`` is True if the host can certify."""
    warnings = sum(sign.status is Health.WARN for sign in signs)
    if not fit:
        return "Images cannot be certified here until what failed is fixed."
    if warnings:
        return f"Images can be certified here; {counted(warnings, 'warning')}."
    return "Images can be certified here."


def examination_json(signs: Sequence[Sign]) -> str:
    """Return all signs as indented JSON with a newline at the end."""
    examination = Examination(checks=tuple(signs))
    return safe_json(examination.model_dump(mode="json", by_alias=True), indent=2) + "\n"
