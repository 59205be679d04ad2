"""The approved-images list as text, as JSON and as a changelog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certify.model.approved import Approved, ApprovedList, entry_of
from certify.model.result_key import ResultKey
from certify.publish.markdown import escaped
from certify.util.strict_json import read_json
from certify.util.text import one_line, safe_json, visible_json

ENTRIES = 200
LINES = 20_000
"""The most publications, and the most of their lines, that the changelog keeps."""
_TITLE = "# Changes of the approved-images list\n"


def list_json(listed: ApprovedList) -> Iterator[str]:
    """Yield ``approved-images.json`` in parts; it ends with a newline."""
    # Image by image: as one document, it would take ten times its size, and three times as long.
    empty = listed.model_copy(update={"images": ()})
    frame = safe_json(empty.model_dump(mode="json", by_alias=True), indent=1) + "\n"
    before, after = frame.split('"images": []')
    yield f'{before}"images": ['
    for number, each in enumerate(listed.images):
        entry = each.model_dump_json(indent=1).replace("\n", "\n  ")
        yield f"{',' * bool(number)}\n  {visible_json(entry)}"
    yield ("\n ]" if listed.images else "]") + after


def list_text(listed: ApprovedList) -> str:
    """Return ``approved-images.txt``: a line per image; the part before ``#`` can be pulled."""
    lines = [
        f"{each.pin} # {one_line(each.tag or '-')} {one_line(each.profile)} {each.grade.value}"
        f" {_day(each.certified_at)} {_day(each.expires_at)}"
        for each in listed.images
    ]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences between two lists, as lines of text that begin with a verb."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    """Names that lead to another digest now."""
    renewed: tuple[str, ...] = ()
    """Images with the same digest that were certified again."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of all four kinds."""
        return self.added + self.removed + self.moved + self.renewed


def compare_lists(
    before: ApprovedList | None, after: ApprovedList, reasons: Mapping[ResultKey, str]
) -> Changes:
    """Compare two lists; ``reasons`` has the reasons, by key, why an image is missing."""
    was = {each.key: each for each in (before.images if before else ())}
    now = {each.key: each for each in after.images}
    unknown = "it has no certificate any more"
    both = sorted(now.keys() & was.keys())
    moved = [name for name in both if was[name].digest != now[name].digest]
    return Changes(
        added=tuple(f"added {_describe(now[name])}" for name in sorted(now.keys() - was.keys())),
        removed=tuple(
            f"removed {_describe(was[name])}: {one_line(reasons.get(name, unknown))}"
            for name in sorted(was.keys() - now.keys())
        ),
        moved=tuple(
            f"moved {_describe(now[name])}: from {was[name].digest[:19]} to {now[name].digest[:19]}"
            for name in moved
        ),
        renewed=tuple(
            f"renewed {_describe(now[name])}: until {now[name].expires_at:%Y-%m-%d}"
            for name in both
            if name not in moved and was[name].certified_at != now[name].certified_at
        ),
    )


def changelog(listed: ApprovedList, changed: Changes, old: str) -> str:
    """Return the changelog: the changes of this publication above the changelog ``old``.

    It has at most :data:`ENTRIES` publications and :data:`LINES` lines.
    """
    head = f"## List {listed.sequence}, {listed.published_at:%Y-%m-%d %H:%M} UTC\n\n"
    lines = [f"- {escaped(line)}" for line in changed.lines] or ["Nothing changed."]
    entry = head + "\n".join(lines)
    earlier = old.removeprefix(_TITLE).strip().removeprefix("## ")
    kept, room = [], LINES - len(lines)
    for each in filter(None, earlier.split("\n\n## ")[: ENTRIES - 1]):
        room -= each.count("\n")
        if room < 0:
            break
        kept.append(f"## {each}")
    return _TITLE + "\n" + "\n\n".join([entry, *kept]) + "\n"


def read_list(text: str) -> ApprovedList:
    """Parse ``approved-images.json``. Raises ValueError if it is not valid."""
    # Entry by entry: as one document, a list takes five times the memory.
    return ApprovedList.model_validate(read_json(text, _entry))


def _entry(fields: dict[str, Any]) -> dict[str, Any] | Approved:
    """Return an object of the list, as an entry if it is one."""
    return entry_of(vars(Approved.model_validate(fields))) if "pin" in fields else fields


def _describe(each: Approved) -> str:
    return one_line(f"{each.reference} ({each.platform}, {each.profile})", 400)


def _day(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
