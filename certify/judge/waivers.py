"""Waivers: named, reasoned exceptions that expire. Pure; the caller passes the time.

::

    [[waiver]]
    image = "registry.example/team/*:*"
    check = "dockerd.container"
    reason = "runc is replaced in the next release"
    owner = "ana@team.example"
    expires = 2027-01-31
    ticket = "OPS-1234"      # optional
    digest = "sha256:..."    # optional

``image`` is a reference, which stands for exactly this image name, however it is spelled
(``debian:12`` is ``docker.io/library/debian:12``), or a case-sensitive glob of one registry: like a
reference, a glob that begins with no registry is for Docker Hub. ``*`` matches slashes too.
``digest`` narrows the waiver to the image with
this registry digest or image id. ``check`` is the id of exactly one check: a glob could come to
cover checks that its author never considered. A date in ``expires`` is the last day, in UTC; a
time without a zone is in UTC too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints, ValidationInfo, field_validator

from certify.model.errors import BadReference, BadWaivers
from certify.model.reference import DOCKER_HUB, OFFICIAL, Reference, split_registry
from certify.model.result import AppliedWaiver, Check, Image, WaiverNote
from certify.model.terms import Level, Outcome, WaiverState
from certify.model.value import Value
from certify.util.toml import Document

_GLOB = "*?["
_LAST_SECOND = time(23, 59, 59)
_DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})")


def _moment(value: object) -> datetime:
    """Return a TOML date or date-time as a moment in UTC."""
    if not isinstance(value, date):  # a datetime is a date too
        raise ValueError("must be a TOML date without quotes, such as 2027-01-31")
    if not isinstance(value, datetime):
        value = datetime.combine(value, _LAST_SECOND)
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("is out of the range of dates") from None


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(Value):
    """One ``[[waiver]]`` table."""

    image: _Text
    check: _Text
    reason: _Text
    owner: _Text
    """The person or team who answers for the waiver."""
    expires: Annotated[datetime, BeforeValidator(_moment)]
    """The last moment at which the waiver counts, in UTC."""
    digest: str | None = None
    ticket: _Text | None = None

    @field_validator("image")
    @classmethod
    def _can_match(cls, image: str) -> str:
        try:
            Reference.parse(image)
        except BadReference as problem:
            if not any(wildcard in image for wildcard in _GLOB):
                raise ValueError(str(problem)) from None
            registry, _ = split_registry(image)
            if re.search(r"[*?]|.\[", registry):
                raise ValueError(f"the registry {registry!r} is a glob: name the one") from None
        return image

    @field_validator("check")
    @classmethod
    def _is_known(cls, check: str, info: ValidationInfo) -> str:
        known: Collection[str] = (info.context or {}).get("known", (check,))
        if check in known:
            return check
        if any(wildcard in check for wildcard in _GLOB):
            raise ValueError(f"{check!r} is a glob; a waiver names exactly one check")
        close = get_close_matches(check, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "`certify checks` lists them"
        raise ValueError(f"there is no check {check!r}; {hint}")

    @field_validator("digest")
    @classmethod
    def _is_a_digest(cls, digest: str | None) -> str | None:
        if digest is not None and not _DIGEST.fullmatch(digest):
            raise ValueError("must be 'sha256:' and 64 lower-case hexadecimal digits")
        return digest

    def matches(self, image: Image) -> bool:
        """Return True if the waiver is for this image; the module's docstring has the rules."""
        if self.digest is not None and self.digest not in (image.digest, image.image_id):
            return False
        names = _spellings(image)
        try:
            return Reference.parse(self.image) in names
        except BadReference:
            registry, glob = split_registry(self.image)
        return any(
            each.registry == registry and fnmatchcase(path, glob)
            for each in names
            for path in _paths(each)
        )

    def expired(self, now: datetime) -> bool:
        """Return True if the waiver no longer counts."""
        return now > self.expires

    @property
    def waived(self) -> AppliedWaiver:
        """The part of the waiver that a result shows beside the check."""
        return AppliedWaiver(
            reason=self.reason, owner=self.owner, expires=self.expires, ticket=self.ticket
        )


class _File(Value):
    waiver: tuple[Waiver, ...] = ()

    @field_validator("waiver", mode="before")
    @classmethod
    def _are_tables(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            raise ValueError("must be tables: write [[waiver]], with two brackets")
        return value


def parse_waivers(text: str, source: str, known: Collection[str]) -> tuple[Waiver, ...]:
    """Read a file of waivers, which may have none.

    ``source`` names the file in messages; ``known`` are the ids of all checks. Raises
    :class:`BadWaivers` with every problem: file, line, key and what was expected.
    """
    remedy = (
        "A waiver is a table [[waiver]] with image, check, reason, owner, expires,"
        " and optionally digest and ticket."
    )
    document = Document(text, source, BadWaivers)
    return document.validated(_File, remedy=remedy, context={"known": known}).waiver


def matching(waivers: Iterable[Waiver], image: Image) -> tuple[Waiver, ...]:
    """Return the waivers that match an image, in their order."""
    return tuple(waiver for waiver in waivers if waiver.matches(image))


def digest(waivers: Iterable[Waiver]) -> str:
    """Return a digest of all fields of all waivers; empty if there are none."""
    content = "".join(waiver.model_dump_json() for waiver in waivers)
    return content and hashlib.sha256(content.encode()).hexdigest()


def in_force(waivers: Iterable[Waiver], now: datetime) -> dict[str, AppliedWaiver]:
    """Map each waived check to its waiver now; of several, to the one that expires last."""
    found: dict[str, AppliedWaiver] = {}
    for waiver in waivers:
        rival = found.get(waiver.check)
        if not waiver.expired(now) and (rival is None or rival.expires < waiver.expires):
            found[waiver.check] = waiver.waived
    return found


def notes(
    waivers: Iterable[Waiver], checks: Sequence[Check], now: datetime
) -> tuple[WaiverNote, ...]:
    """Return the state of each waiver of an image once its checks are judged.

    The state is ``expired``, whatever the outcome; else ``used`` if the check is waived, or
    ``unneeded`` if it passed. Waivers of other checks, such as unknown ones, are left out.
    """
    judged = {check.id: check for check in checks}
    found = []
    for waiver in waivers:
        check = judged.get(waiver.check)
        if check is not None and (state := _state(waiver, check, now)) is not None:
            found.append(
                WaiverNote(
                    check=waiver.check,
                    image=waiver.image,
                    state=state,
                    **waiver.waived.model_dump(),
                )
            )
    return tuple(found)


def valid_until(checks: Iterable[Check], latest: datetime) -> datetime:
    """Return when a verdict on these checks ends: ``latest``, or when a waiver in use expires."""
    used = (check.waiver for check in checks if check.level is Level.REQUIRED)
    return min([latest, *(waiver.expires for waiver in used if waiver is not None)])


def _state(waiver: Waiver, check: Check, now: datetime) -> WaiverState | None:
    if waiver.expired(now):
        return WaiverState.EXPIRED
    if check.waiver is not None:
        return WaiverState.USED
    return WaiverState.UNNEEDED if check.outcome is Outcome.PASSED else None


def _spellings(image: Image) -> list[Reference]:
    """Return the image's reference, and the same without a digest if it has a tag."""
    reference = Reference.parse(image.reference)
    if reference.tag is None or reference.digest is None:
        return [reference]
    return [reference, replace(reference, digest=None)]


def _paths(reference: Reference) -> tuple[str, ...]:
    """Return repository, tag and digest, as a glob of the registry may spell them."""
    path = str(reference).removeprefix(f"{reference.registry}/")
    official = reference.registry == DOCKER_HUB and path.startswith(OFFICIAL)
    return (path, path.removeprefix(OFFICIAL)) if official else (path,)
