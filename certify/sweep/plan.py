"""What a sweep has to do: which images are new, moved, stale, or fresh. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from certify.ledger.in_force import ResultInForce
from certify.model.result_key import Key
from certify.model.terms import Status
from certify.util.text import short_digest


class ItemState(StrEnum):
    """Why an image is due, or is not."""

    NEW = "new"
    """Never certified under this name, or never with an answer."""
    MOVED = "moved"
    """Its tag leads to another digest than the one that was certified."""
    STALE = "stale"
    """Its certificate has expired, or was made by another suite, profile or kind of host."""
    FORCED = "forced"
    """Its certificate stands, but was not to count."""
    SAME = "same"
    """Another name of an image that is due, or certified: one answer serves both."""
    FRESH = "fresh"
    """Its certificate stands."""
    UNRESOLVED = "unresolved"
    """Its registry does not say what it is."""

    @property
    def due(self) -> bool:
        """Whether it must be certified now."""
        return self in (ItemState.NEW, ItemState.MOVED, ItemState.STALE, ItemState.FORCED)


@dataclass(frozen=True, slots=True)
class Resolved:
    """One image, one profile: what a list asks for, and what its registry says it is."""

    reference: str
    profile: str
    platform: str
    digest: str | None
    """Or the id of a local image; null if it could not be resolved."""
    suite: str = ""
    """The digest of all that would judge it: checks, profile, waivers."""
    why: str = ""
    """What kept it from being resolved."""

    @property
    def key(self) -> Key:
        """What its answer goes by."""
        return self.reference, self.platform, self.profile

    @property
    def identity(self) -> tuple[str | None, str, str]:
        """What a certificate is about."""
        return self.digest, self.platform, self.profile


@dataclass(frozen=True, slots=True)
class Item:
    """One image of the plan."""

    wanted: Resolved
    state: ItemState
    why: str
    same_as: str | None = None
    """The reference whose answer serves this one too."""


def make_plan(
    wanted: Sequence[Resolved],
    standing: Sequence[ResultInForce],
    *,
    now: datetime,
    host_class: str,
    force: bool = False,
) -> list[Item]:
    """An item for each wanted image, in their order.

    Names of one image are judged once, unless they are judged by other waivers.
    """
    by_name = {(each.reference, each.platform, each.profile): each for each in standing}
    by_image: dict[tuple[str | None, str, str], ResultInForce] = {
        (each.digest, each.platform, each.profile): each for each in standing
    }
    first: dict[tuple[object, str], str] = {}
    items = []
    for each in wanted:
        item = _item(
            each,
            by_name.get(each.key),
            by_image.get(each.identity),
            partial(_why_stale, now=now, suite=each.suite, host_class=host_class),
            force,
        )
        if item.state.due:
            earlier = first.setdefault((each.identity, each.suite), each.reference)
            if earlier != each.reference:
                why = f"the same image as {earlier}"
                item = Item(each, ItemState.SAME, why, same_as=earlier)
        items.append(item)
    return items


def _item(
    wanted: Resolved,
    named: ResultInForce | None,
    known: ResultInForce | None,
    stale: Callable[[ResultInForce], str],
    force: bool,
) -> Item:
    """``named`` stands for the reference, ``known`` for the image that it leads to now."""
    if wanted.digest is None:
        return Item(wanted, ItemState.UNRESOLVED, wanted.why)
    if known is None or known.status is Status.INCONCLUSIVE:
        if named is None:
            return Item(wanted, ItemState.NEW, "never certified")
        if named.digest != wanted.digest:
            return Item(wanted, ItemState.MOVED, f"was {short_digest(named.digest)}")
        return Item(wanted, ItemState.NEW, "the last run was inconclusive")
    if force:
        return Item(wanted, ItemState.FORCED, "--force")
    return _known(wanted, named, known, stale(known))


def _known(
    wanted: Resolved, named: ResultInForce | None, known: ResultInForce, why_stale: str
) -> Item:
    if why_stale:
        return Item(wanted, ItemState.STALE, why_stale)
    if named is None or named.digest != wanted.digest:
        same = f"the same image as {known.reference}, whose certificate stands"
        return Item(wanted, ItemState.SAME, same, same_as=known.reference)
    return Item(wanted, ItemState.FRESH, f"stands until {known.expires_at:%Y-%m-%d}")


def _why_stale(known: ResultInForce, *, now: datetime, suite: str, host_class: str) -> str:
    if known.expires_at <= now:
        return f"expired on {known.expires_at:%Y-%m-%d}"
    if known.suite_digest != suite:
        return "certify, its options or the profile have changed"
    if known.host_class != host_class:
        return f"was certified on {known.host_class}"
    return ""
