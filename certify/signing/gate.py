"""May this image be run? Judged from a list, or from what is attached to it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import ValidationError

from certify.model.approved import Approved, ApprovedList, Revocation
from certify.model.errors import ListUnavailable
from certify.model.platform import normalize_platform
from certify.model.revocation import find_revocation
from certify.signing.statements import Certificate
from certify.util.text import one_line


class Why(StrEnum):
    """The one reason for an answer."""

    APPROVED = "approved"
    SIGNATURE = "signature"
    """It is not signed, or the signature does not hold, or is about something else."""
    REPLAYED = "replayed"
    LIST_EXPIRED = "list-expired"
    REVOKED = "revoked"
    UNLISTED = "unlisted"
    MOVED = "moved"
    """Another digest of the same repository is approved."""
    PLATFORM = "platform"
    PROFILE = "profile"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Question:
    """Which image is asked for; the digest may be an index's or a manifest's."""

    name: str
    """``registry/repository``."""
    digest: str
    platform: str
    profile: str
    manifest: str | None = None
    """This platform's in the index, if somebody has looked: what was revoked may not have been
    known by its certificate."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may be run, and one line that says why."""

    why: Why
    text: str
    entry: Approved | Certificate | None = None

    @property
    def approved(self) -> bool:
        """Whether it may be run."""
        return self.why is Why.APPROVED


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as it was read: of its entries, only those that are asked for are looked at."""

    head: ApprovedList
    """The list without its entries."""
    images: Sequence[dict[str, Any]]
    revoked: Sequence[dict[str, Any]]

    @classmethod
    def parse(cls, raw: bytes, where: str) -> Self:
        """Read ``approved-images.json``; raises :class:`ListUnavailable` for anything else."""
        try:
            data = json.loads(raw)
            images, revoked = data["images"], data.get("revoked", [])
            head = ApprovedList.model_validate(data | {"images": (), "revoked": ()})
            _in_utc(head.published_at, head.expires_at)
            for part in (images, revoked):
                if not isinstance(part, list) or not all(isinstance(each, dict) for each in part):
                    raise ValueError("its entries are none")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _unreadable(where, error) from error
        return cls(head, images, revoked)


def answer(asked: Question, listed: Listed, now: datetime) -> Decision:
    """What a list says of an image. Raises :class:`ListUnavailable` if an entry makes no sense."""
    head = listed.head
    try:
        here = [
            Approved.model_validate(each)
            for each in listed.images
            if asked.digest in (each.get("digest"), each.get("manifest_digest"))
        ]
        revoked = [Revocation.model_validate(each) for each in listed.revoked]
        _in_utc(*(moment for each in here for moment in (each.certified_at, each.expires_at)))
    except (ValidationError, ValueError) as error:
        raise _unreadable("the list of approved images", error) from error
    if now >= head.expires_at:
        return Decision(Why.LIST_EXPIRED, f"the list itself expired {_when(head.expires_at)}")
    if found := _revoked(asked, here, revoked):
        return Decision(Why.REVOKED, f"revoked: {one_line(found.reason)}")
    here = [each for each in here if f"{each.registry}/{each.repository}" == asked.name]
    here.sort(key=lambda each: each.expires_at)  # of one image under two tags, the later counts
    held = next((each for each in revoked if asked.digest in each.indexes), None)
    if held and not any(_same_platform(each.platform, asked.platform) for each in here):
        return Decision(Why.REVOKED, f"a manifest in it was revoked: {one_line(held.reason)}")
    if not here:
        return _unlisted(asked, listed.images)
    return _among(asked, here, now, "approved")


def answer_attached(asked: Question, stated: Iterable[Certificate], now: datetime) -> Decision:
    """What believed statements say of an image: the newest counts, and a revocation stays.

    What is said of its manifest for this platform, or of an index that holds it, is said of it.
    """
    by_age = sorted(stated, key=lambda each: each.certified_at)
    mine = alike(asked, by_age)
    turns = {digest: each for each in by_age if each.is_turn for digest in each.subjects}
    for digest in sorted(mine | {asked.manifest or asked.digest}):
        if digest in turns and (reason := turns[digest].revoked) is not None:
            return Decision(Why.REVOKED, f"revoked: {one_line(reason)}", turns[digest])
    here = [each for each in by_age if not mine.isdisjoint(each.subjects) and not each.is_turn]
    if not here:
        return Decision(Why.UNLISTED, "nothing is attached to it that the key has signed")
    return _among(asked, here, now, "certified")


def alike(asked: Question, stated: Iterable[Certificate]) -> set[str]:
    """Its digest, and those of index or manifest that were stated to be the same platform's."""
    return {asked.digest}.union(
        *(
            each.subjects
            for each in stated
            if asked.digest in each.subjects and _same_platform(each.platform, asked.platform)
        )
    )


def _among(
    asked: Question, here: Sequence[Approved] | Sequence[Certificate], now: datetime, word: str
) -> Decision:
    """Of entries for this image, the last for this platform and profile, if it counts."""
    fitting = [each for each in here if _same_platform(each.platform, asked.platform)]
    if not fitting:
        others = ", ".join(sorted({each.platform for each in here}))
        return Decision(Why.PLATFORM, f"{word} for {one_line(others)}, not for {asked.platform}")
    found = next((each for each in reversed(fitting) if each.profile == asked.profile), None)
    if found is None:
        others = ", ".join(sorted({each.profile for each in fitting}))
        return Decision(Why.PROFILE, f"{word} for {one_line(others)}, not for {asked.profile}")
    if isinstance(found, Certificate) and found.result == "FAILED":
        return Decision(Why.REJECTED, f"rejected for {found.profile} {_when(found.certified_at)}")
    if now >= found.expires_at:
        return Decision(Why.EXPIRED, f"its certificate expired {_when(found.expires_at)}", found)
    grade = f"{found.grade} " if found.grade else ""
    text = f"{grade}for {found.profile} on {found.platform}, until {found.expires_at:%Y-%m-%d}"
    return Decision(Why.APPROVED, text, found)


def _revoked(
    asked: Question, here: Sequence[Approved], revoked: Sequence[Revocation]
) -> Revocation | None:
    """The revocation that is about it: of its own digest, or of what is listed as it.

    Only for this platform: of an index, another one's manifest may well be revoked.
    """
    own = next((each for each in revoked if each.digest == asked.digest), None)
    fitting = (each for each in here if _same_platform(each.platform, asked.platform))
    about = (find_revocation(each.digest, each.manifest_digest, revoked) for each in fitting)
    return own or next(filter(None, about), None)


def _unlisted(asked: Question, images: Sequence[dict[str, Any]]) -> Decision:
    same = {
        str(each.get("digest"))
        for each in images
        if f"{each.get('registry')}/{each.get('repository')}" == asked.name
    }
    if not same:
        return Decision(Why.UNLISTED, f"nothing of {asked.name} is on the list")
    others = ", ".join(one_line(each[:19], 19) + "…" for each in sorted(same)[:3])
    return Decision(Why.MOVED, f"this digest is not on the list; of {asked.name} it has {others}")


def _same_platform(one: str, other: str) -> bool:
    return normalize_platform(one) == normalize_platform(other)


def _in_utc(*moments: datetime) -> None:
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("a moment without a time zone")


def _when(moment: datetime) -> str:
    return f"on {moment:%Y-%m-%d at %H:%M} UTC"


def _unreadable(where: str, error: Exception) -> ListUnavailable:
    return ListUnavailable(
        f"{where} cannot be read: it is no certify/approved/v1 ({one_line(str(error), 120)})",
        remedy="Publish it anew with `certify publish`, or name another with --approved.",
    )
