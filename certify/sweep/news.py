"""The news of a sweep: what a person should hear of, once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from certify.ledger.changes import Change, ChangeKind, SweepEntry, sweep_entry
from certify.model.file_names import Layout, certificate_stem
from certify.model.result import Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.util.text import inert, one_line

NAMED = 20
"""The number of images of a kind that a message names; the others are counted."""


class Kind(StrEnum):
    """A kind of news, the most urgent first."""

    REJECTED = "newly rejected"
    INCONCLUSIVE = "newly inconclusive"
    VANISHED = "vanished"
    CERTIFIED = "newly certified"


@dataclass(frozen=True, slots=True)
class News:
    """One image of which there is news."""

    kind: Kind
    entry: SweepEntry
    remedy: str = ""
    inside: str = ""
    """What changed inside it, if that is known."""
    page: str = ""
    """The file with its page, relative to the folder for reports."""


_OF_STATUS = {
    Status.REJECTED: Kind.REJECTED,
    Status.INCONCLUSIVE: Kind.INCONCLUSIVE,
    Status.CERTIFIED: Kind.CERTIFIED,
}


def news_of(
    changes: Sequence[Change] | None,
    results: Sequence[Result],
    unclear: Collection[ResultKey],
    never_found: Collection[ResultKey] = (),
    layout: Layout = "flat",
) -> list[News]:
    """Return what is new in a sweep, the most urgent first, then by reference.

    ``changes`` is None for the first sweep of a list, in which everything is new. ``results`` are
    those of all images; ``unclear`` are the keys of those that were inconclusive before, too, and
    those that were ``never_found`` have no page. An image that moved and has the same verdict is no
    news.
    """
    by_key = {ResultKey.of(each): each for each in results}
    found: dict[ResultKey, Kind] = {}
    if changes is None:
        found = {key: _OF_STATUS[each.verdict.status] for key, each in by_key.items()}
    for change in changes or ():
        if change.kind is ChangeKind.VANISHED:
            found[change.image.key] = Kind.VANISHED
        elif change.kind is not ChangeKind.MOVED:
            found[change.image.key] = _OF_STATUS[change.image.status]
    for key, result in by_key.items():
        if result.verdict.status is Status.INCONCLUSIVE and key not in unclear:
            found[key] = Kind.INCONCLUSIVE
    vanished = {each.image.key: each.image for each in changes or ()}
    inside = {each.image.key: each.inside for each in changes or ()}
    items = [
        _item(kind, by_key[key], inside.get(key, ""), None if key in never_found else layout)
        if key in by_key
        else News(kind, vanished[key])
        for key, kind in found.items()
        if key in by_key or key in vanished
    ]
    order = list(Kind)
    return sorted(items, key=lambda each: (order.index(each.kind), each.entry.key))


def _item(kind: Kind, result: Result, inside: str, layout: Layout | None) -> News:
    reasons = result.verdict.reasons
    page = f"images/{certificate_stem(result, layout)}.html" if layout else ""
    return News(kind, sweep_entry(result), reasons[0].remedy if reasons else "", inside, page)


def title(items: Iterable[News]) -> str:
    """Return ``certify: 2 newly rejected, 1 vanished``."""
    kinds = [each.kind for each in items]
    return "certify: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)


def message(items: Sequence[News], source: str, site: str | None) -> str:
    """Return the news as plain text: for each image its cause, the remedy and its page.

    ``site`` is the address or folder of the reports. Texts of images are one line each, so that
    none of them can imitate a line of certify's, and inert, so that none mentions anybody.
    """
    lines = [f"Sweep of {_shown(source)}:"]
    for kind in Kind:
        mine = [each for each in items if each.kind is kind]
        for item in mine[:NAMED]:
            entry = item.entry
            lines.append("")
            lines.append(f"{kind}: {_shown(entry.reference)} [{_shown(entry.profile)}]")
            if kind in (Kind.REJECTED, Kind.INCONCLUSIVE):
                lines += [f"  cause: {_shown(entry.cause, 300)}"] if entry.cause else []
                lines += [f"  changed inside: {_shown(item.inside, 300)}"] if item.inside else []
                lines += [f"  remedy: {_shown(item.remedy, 300)}"] if item.remedy else []
            if site and item.page:
                lines.append(f"  {site.rstrip('/')}/{item.page}")
        if len(mine) > NAMED:
            lines += ["", f"and {len(mine) - NAMED} more {kind}"]
    return "\n".join(lines) + "\n"


def _shown(text: str, limit: int = 200) -> str:
    return inert(one_line(text, limit))
