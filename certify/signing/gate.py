"""May this image be run? Judged from a list, or from what is attached to it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import ValidationError

from certify.approved import Approved, ApprovedList, Revocation
from certify.errors import ListUnavailable
from certify.safetext import one_line
from certify.signing.statements import Certificate


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


@dataclass(frozen=True, slots=True)
class Answer:
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
            if not all(isinstance(each, dict) for part in (images, revoked) for each in part):
                raise ValueError("its entries are none")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _unreadable(where, error) from error
        return cls(head, images, revoked)


def answer(asked: Question, listed: Listed, now: datetime) -> Answer:
    """What a list says of an image. Raises :class:`ListUnavailable` if an entry makes no sense."""
    head = listed.head
    try:
        here = [
            Approved.model_validate(each)
            for each in listed.images
            if asked.digest in (each.get("digest"), each.get("manifest_digest"))
        ]
        digests = {asked.digest}.union(*({each.digest, each.manifest_digest} for each in here))
        revoked = [
            Revocation.model_validate(each)
            for each in listed.revoked
            if each.get("digest") in digests
        ]
        _in_utc(*(each.expires_at for each in here))
    except (ValidationError, ValueError) as error:
        raise _unreadable("the list of approved images", error) from error
    if now >= head.expires_at:
        return Answer(Why.LIST_EXPIRED, f"the list itself expired {_when(head.expires_at)}")
    if stopped := _revoked(asked, here, revoked):
        return Answer(Why.REVOKED, f"revoked: {one_line(stopped.reason)}")
    here = [each for each in here if f"{each.registry}/{each.repository}" == asked.name]
    if not here:
        return _unlisted(asked, listed.images)
    return _among(asked, here, now, "approved")


def answer_attached(asked: Question, stated: Iterable[Certificate], now: datetime) -> Answer:
    """What believed statements say of an image: the newest counts, and a revocation stays."""
    here = sorted(
        (each for each in stated if asked.digest in each.subjects),
        key=lambda each: each.certified_at,
    )
    turns = [each for each in here if each.revoked is not None or each.lifted is not None]
    if turns and turns[-1].revoked is not None:
        return Answer(Why.REVOKED, f"revoked: {one_line(turns[-1].revoked)}", turns[-1])
    here = [each for each in here if each not in turns]
    if not here:
        return Answer(Why.UNLISTED, "nothing is attached to it that the key has signed")
    newest = {(each.platform, each.profile): each for each in here}
    return _among(asked, list(newest.values()), now, "certified")


def _among(
    asked: Question, here: Sequence[Approved] | Sequence[Certificate], now: datetime, word: str
) -> Answer:
    """Of entries for this image, the one for this platform and profile, if it counts."""
    fitting = [each for each in here if _same_platform(each.platform, asked.platform)]
    if not fitting:
        others = ", ".join(sorted({each.platform for each in here}))
        return Answer(Why.PLATFORM, f"{word} for {one_line(others)}, not for {asked.platform}")
    found = next((each for each in fitting if each.profile == asked.profile), None)
    if found is None:
        others = ", ".join(sorted({each.profile for each in fitting}))
        return Answer(Why.PROFILE, f"{word} for {one_line(others)}, not for {asked.profile}")
    if isinstance(found, Certificate) and found.result == "FAILED":
        return Answer(Why.REJECTED, f"rejected for {found.profile} {_when(found.certified_at)}")
    if now >= found.expires_at:
        return Answer(Why.EXPIRED, f"its certificate expired {_when(found.expires_at)}", found)
    grade = f"{found.grade} " if found.grade else ""
    text = f"{grade}for {found.profile} on {found.platform}, until {found.expires_at:%Y-%m-%d}"
    return Answer(Why.APPROVED, text, found)


def _revoked(
    asked: Question, here: Sequence[Approved], revoked: Sequence[Revocation]
) -> Revocation | None:
    """The revocation that is about it: of its own digest, or of what holds it on this platform."""
    mine = {asked.digest}
    for each in here:
        if _same_platform(each.platform, asked.platform):
            mine |= {each.digest, each.manifest_digest}
    return next((each for each in revoked if each.digest in mine), None)


def _unlisted(asked: Question, images: Sequence[dict[str, Any]]) -> Answer:
    same = {
        str(each.get("digest"))
        for each in images
        if f"{each.get('registry')}/{each.get('repository')}" == asked.name
    }
    if not same:
        return Answer(Why.UNLISTED, f"nothing of {asked.name} is on the list")
    others = ", ".join(one_line(each[:19], 19) + "…" for each in sorted(same)[:3])
    return Answer(Why.MOVED, f"this digest is not on the list; of {asked.name} it has {others}")


def _same_platform(one: str, other: str) -> bool:
    """Whether both name one platform; ``v8`` is what every arm64 is."""
    return one.removesuffix("/v8") == other.removesuffix("/v8")


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
