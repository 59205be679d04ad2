"""The approved-images list as text, as JSON and as a changelog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from certify.model.approved import Approved, ApprovedList
from certify.publish.markdown import escaped
from certify.util.text import one_line, safe_json

ENTRIES = 200
LINES = 20_000
"""So many publications are kept in the changelog, as long as they do not have more lines."""
_TITLE = "# Changes of the approved-images list\n"


def list_json(listed: ApprovedList) -> str:
    """``approved-images.json``; ends with a newline."""
    return safe_json(listed.model_dump(mode="json", by_alias=True), indent=1) + "\n"


def list_text(listed: ApprovedList) -> str:
    """``approved-images.txt``: a line for each image; what stands before ``#`` can be pulled."""
    lines = [
        f"{each.pin} # {one_line(each.tag or '-')} {one_line(each.profile)} {each.grade.value}"
        f" {_day(each.certified_at)} {_day(each.expires_at)}"
        for each in listed.images
    ]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


@dataclass(frozen=True, slots=True)
class Changes:
    """From one list to the next, in words; each is of one line and begins with a verb."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    """The same name, another digest."""
    renewed: tuple[str, ...] = ()
    """The same digest, certified again."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return self.added + self.removed + self.moved + self.renewed


def changes(
    before: ApprovedList | None, after: ApprovedList, reasons: Mapping[tuple[str, str, str], str]
) -> Changes:
    """What is another in a list; ``reasons`` tell, by name, why an image is not on it."""
    was = {each.name: each for each in (before.images if before else ())}
    now = {each.name: each for each in after.images}
    unknown = "nothing stands for it any more"
    both = sorted(now.keys() & was.keys())
    moved = [name for name in both if was[name].digest != now[name].digest]
    return Changes(
        added=tuple(f"added {_told(now[name])}" for name in sorted(now.keys() - was.keys())),
        removed=tuple(
            f"removed {_told(was[name])}: {one_line(reasons.get(name, unknown))}"
            for name in sorted(was.keys() - now.keys())
        ),
        moved=tuple(
            f"moved {_told(now[name])}: from {was[name].digest[:19]} to {now[name].digest[:19]}"
            for name in moved
        ),
        renewed=tuple(
            f"renewed {_told(now[name])}: until {now[name].expires_at:%Y-%m-%d}"
            for name in both
            if name not in moved and was[name].certified_at != now[name].certified_at
        ),
    )


def changelog(listed: ApprovedList, changed: Changes, old: str) -> str:
    """What this publication changed, above ``old``: what earlier ones did.

    Kept are :data:`ENTRIES` publications, and fewer if they have more than :data:`LINES`.
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
    """A list that was published before. Raises ValueError for anything else."""
    return ApprovedList.model_validate_json(text)


def _told(each: Approved) -> str:
    return one_line(f"{each.reference} ({each.platform}, {each.profile})", 400)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
