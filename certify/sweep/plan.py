"""The plan of a sweep: which images are new, moved, stale, or fresh. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from certify.ledger.in_force import ResultInForce
from certify.model.clock import is_ahead
from certify.model.errors import Trouble
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.util.text import short_digest


class ItemState(StrEnum):
    """The reason that an image is due, or that it is not."""

    NEW = "new"
    """A name without a result, or with only inconclusive ones."""
    MOVED = "moved"
    """A tag that leads to another digest than the one that was certified."""
    STALE = "stale"
    """An expired certificate, or one of another suite, profile or kind of host."""
    FORCED = "forced"
    """A valid certificate, ignored because of ``--force``."""
    SAME = "same"
    """Another name of an image that is due or certified; both share one result."""
    FRESH = "fresh"
    """A valid certificate."""
    UNRESOLVED = "unresolved"
    """An image whose registry did not return its digest."""

    @property
    def due(self) -> bool:
        """True if the image must be certified now."""
        return self in (ItemState.NEW, ItemState.MOVED, ItemState.STALE, ItemState.FORCED)


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """One image of a list under one profile, with the digest that its registry returned."""

    reference: str
    profile: str
    platform: str
    digest: str | None
    """The digest, or the ID of a local image; None if it could not be resolved."""
    suite: str = ""
    """The suite digest of a certification now."""
    trouble: Trouble | None = None
    """The reason that the image could not be resolved, or cannot be certified here."""
    platforms: tuple[str, ...] = ()
    """The platforms of its index, if all of them are listed; else empty."""

    @property
    def key(self) -> ResultKey:
        """The key of its result."""
        return ResultKey(self.reference, self.platform, self.profile)

    @property
    def identity(self) -> tuple[str | None, str, str]:
        """The subject of a certificate: digest, platform and profile."""
        return self.digest, self.platform, self.profile


@dataclass(frozen=True, slots=True)
class Item:
    """One image of the plan."""

    image: ResolvedImage
    state: ItemState
    reason: str
    """The reason for the state, as a short text."""
    same_as: str | None = None
    """The reference whose result it shares."""
    was_certified: bool = False
    """True if a certificate stands for it, or for what its name led to before."""
    never_found: bool = False
    """True if its name leads to no image and never did: it may be a slip of the hand."""


def make_plan(
    images: Sequence[ResolvedImage],
    in_force: Sequence[ResultInForce],
    *,
    now: datetime,
    host_class: str,
    force: bool = False,
) -> list[Item]:
    """Return an item for each image, in their order.

    If several names lead to one image, only the first is due, unless different waivers match them.
    """
    by_name = {each.key: each for each in in_force}
    by_image: dict[tuple[str | None, str, str], ResultInForce] = {
        (each.digest, each.platform, each.profile): each for each in in_force
    }
    found = {each.reference for each in in_force if each.digest != each.reference}
    found |= {each.reference for each in images if each.digest or each.platforms}
    first: dict[tuple[object, str], str] = {}
    items = []
    for image in images:
        known, named = by_image.get(image.identity), by_name.get(image.key)
        if image.digest is None:
            why = image.trouble.message if image.trouble else ""
            never_found = image.reference not in found
            item = Item(image, ItemState.UNRESOLVED, why, never_found=never_found)
        elif known is None or known.status is Status.INCONCLUSIVE:
            item = _uncertified(image, named)
        elif force:
            item = Item(image, ItemState.FORCED, "--force")
        elif stale := _stale_reason(known, image.suite, host_class, now):
            item = Item(image, ItemState.STALE, stale)
        else:
            item = _certified(image, known, named)
        if item.state.due:
            earlier = first.setdefault((image.identity, image.suite), image.reference)
            if earlier != image.reference:
                reason = f"the same image as {earlier}"
                item = Item(image, ItemState.SAME, reason, same_as=earlier)
        before = {each.status for each in (known, named) if each}
        items.append(replace(item, was_certified=Status.CERTIFIED in before))
    return items


def _uncertified(image: ResolvedImage, named: ResultInForce | None) -> Item:
    """Return the item of an image without a conclusive result; ``named`` is that of its name."""
    if named is None:
        return Item(image, ItemState.NEW, "never certified")
    if named.digest != image.digest:
        return Item(image, ItemState.MOVED, f"was {short_digest(named.digest)}")
    return Item(image, ItemState.NEW, "the last run was inconclusive")


def _certified(image: ResolvedImage, known: ResultInForce, named: ResultInForce | None) -> Item:
    """Return the item of an image with a result in force, perhaps under another name."""
    if named is None or named.digest != image.digest:
        reason = f"the same image as {known.reference}, whose certificate is valid"
        return Item(image, ItemState.SAME, reason, same_as=known.reference)
    return Item(image, ItemState.FRESH, f"valid until {known.expires_at:%Y-%m-%d}")


def _stale_reason(known: ResultInForce, suite: str, host_class: str, now: datetime) -> str:
    if is_ahead(known.finished_at, now):
        return f"was certified on {known.finished_at:%Y-%m-%d}, which is yet to come"
    if known.expires_at <= now:
        return f"expired on {known.expires_at:%Y-%m-%d}"
    if known.suite_digest != suite:
        return "certify, its options or the profile have changed"
    if known.host_class != host_class:
        return f"was certified on {known.host_class}"
    return ""
