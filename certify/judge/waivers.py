"""Waivers: named, reasoned, expiring exceptions. Pure; whoever asks brings the time.

::

    [[waiver]]
    image = "registry.example/team/*:*"
    check = "dockerd.container"
    reason = "runc is replaced in the next release"
    owner = "ana@team.example"
    expires = 2027-01-31
    ticket = "OPS-1234"      # optional
    digest = "sha256:..."    # optional

``image`` is a reference, or a glob that is matched case-sensitively against the reference as
people write it (``debian:12``), in full (``docker.io/library/debian:12``) and without its registry
(``library/debian:12``); a ``*`` also stands for slashes. ``digest`` narrows that to one image, by
its digest in the registry or its id. ``check`` is the id of exactly one check, never a glob: a
waiver that comes to cover more than somebody had in mind would certify what nobody has looked at.
A date in ``expires`` is the last day, in UTC; so is a time without a zone.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from certify.model.errors import BadReference, BadWaivers
from certify.model.reference import Reference
from certify.model.result import Check, Image, Waived, WaiverNote
from certify.model.terms import Level, Outcome, WaiverState
from certify.model.value import Value
from certify.util.toml import line_of

_GLOB = "*?["
_LAST_SECOND = time(23, 59, 59)
_WORDS = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "must be 'sha256:' and 64 lower-case hexadecimal digits",
    "model_type": "must be a table",
    "tuple_type": "must be tables: write [[waiver]], with two brackets",
}


def _moment(value: object) -> datetime:
    """What TOML calls a date or a date-time, as a moment in UTC."""
    if not isinstance(value, date):  # which a datetime is too
        raise ValueError("must be a TOML date without quotes, such as 2027-01-31")
    if not isinstance(value, datetime):
        value = datetime.combine(value, _LAST_SECOND)
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("is out of the range of dates") from None


_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(Value):
    """One ``[[waiver]]``."""

    image: _Text
    check: _Text
    reason: _Text
    owner: _Text
    """Who answers for it."""
    expires: Annotated[datetime, BeforeValidator(_moment)]
    """The last moment at which it counts, in UTC."""
    digest: str | None = Field(
        default=None, pattern=r"^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$"
    )
    ticket: _Text | None = None

    @field_validator("image")
    @classmethod
    def _can_match(cls, image: str) -> str:
        if not any(wildcard in image for wildcard in _GLOB):
            try:
                Reference.parse(image)
            except BadReference as problem:
                raise ValueError(str(problem)) from None
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

    def matches(self, image: Image) -> bool:
        """Whether it is about this image; see the head of this module."""
        if self.digest is not None and self.digest not in (image.digest, image.image_id):
            return False
        names = _names(image)
        try:
            exact = str(Reference.parse(self.image))
        except BadReference:
            exact = self.image
        return exact in names or any(fnmatchcase(name, self.image) for name in names)

    def expired(self, now: datetime) -> bool:
        """Whether it counts for nothing any more."""
        return now > self.expires

    @property
    def waived(self) -> Waived:
        """What a check that it covers says of it."""
        return Waived(
            reason=self.reason, owner=self.owner, expires=self.expires, ticket=self.ticket
        )


class _File(Value):
    waiver: tuple[Waiver, ...] = ()


def parse(text: str, source: str, known: Collection[str]) -> tuple[Waiver, ...]:
    """Read a file of waivers; one without any is fine.

    ``source`` names the file in messages, ``known`` are the ids of all checks. Raises
    :class:`BadWaivers` with file, line, key and what is wrong, for everything that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadWaivers(f"{source}: this is not TOML: {problem}") from problem
    try:
        return _File.model_validate(document, context={"known": known}).waiver
    except ValidationError as problem:
        lines = (_problem(text, source, error) for error in problem.errors(include_url=False))
        raise BadWaivers(
            "\n".join(lines),
            remedy="A waiver is a table [[waiver]] with image, check, reason, owner, expires,"
            " and perhaps digest and ticket.",
        ) from problem


def about(waivers: Iterable[Waiver], image: Image) -> tuple[Waiver, ...]:
    """Those that match an image, in their order."""
    return tuple(waiver for waiver in waivers if waiver.matches(image))


def digest(waivers: Iterable[Waiver]) -> str:
    """Over all that they say; empty if there are none."""
    said = "".join(waiver.model_dump_json() for waiver in waivers)
    return said and hashlib.sha256(said.encode()).hexdigest()


def in_force(waivers: Iterable[Waiver], now: datetime) -> dict[str, Waived]:
    """By check, what excuses it now; of several for one check the one that holds longest."""
    found: dict[str, Waived] = {}
    for waiver in waivers:
        rival = found.get(waiver.check)
        if not waiver.expired(now) and (rival is None or rival.expires < waiver.expires):
            found[waiver.check] = waiver.waived
    return found


def notes(
    waivers: Iterable[Waiver], checks: Sequence[Check], now: datetime
) -> tuple[WaiverNote, ...]:
    """What became of each waiver of an image, once its checks are judged.

    ``expired``, whatever its check said; else ``used`` if its check is waived, ``unneeded`` if its
    check passed. A waiver whose check is unknown, does not apply or is not of this profile is not
    mentioned: nothing can be said about it.
    """
    judged = {check.id: check for check in checks}
    told = []
    for waiver in waivers:
        check = judged.get(waiver.check)
        if check is not None and (state := _state(waiver, check, now)) is not None:
            told.append(
                WaiverNote(
                    check=waiver.check,
                    image=waiver.image,
                    state=state,
                    **waiver.waived.model_dump(),
                )
            )
    return tuple(told)


def stands_until(checks: Iterable[Check], latest: datetime) -> datetime:
    """When a verdict on these checks ends: at ``latest``, or with the first waiver it leans on."""
    leans_on = (check.waiver for check in checks if check.level is Level.REQUIRED)
    return min([latest, *(waiver.expires for waiver in leans_on if waiver is not None)])


def _state(waiver: Waiver, check: Check, now: datetime) -> WaiverState | None:
    if waiver.expired(now):
        return WaiverState.EXPIRED
    if check.waiver is not None:
        return WaiverState.USED
    return WaiverState.UNNEEDED if check.outcome is Outcome.PASSED else None


def _names(image: Image) -> set[str]:
    """All names under which a waiver may know an image."""
    reference = Reference.parse(image.reference)
    spellings = [reference]
    if reference.tag is not None and reference.digest is not None:
        spellings.append(replace(reference, digest=None))
    return {
        name
        for each in spellings
        for name in (each.familiar, str(each), str(each).removeprefix(f"{each.registry}/"))
    }


def _problem(text: str, source: str, error: ErrorDetails) -> str:
    """One line: file, line, which waiver, which key, what is wrong with it."""
    where: tuple[Any, ...] = error["loc"]
    # What is missing stands nowhere; then the table in which it is missing is shown.
    line = line_of(text, where) or line_of(text, where[:-1])
    keys = [f"waiver {where[1] + 1}", *map(str, where[2:])] if where[1:] else [str(where[0])]
    return f"{source}:{line}: {', '.join(keys)}: {_said(error)}"


def _said(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        known = Waiver.model_fields if error["loc"][1:] else _File.model_fields
        close = get_close_matches(str(error["loc"][-1]), known, n=1)
        return "is not known here" + (f"; did you mean {close[0]!r}?" if close else "")
    return _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
