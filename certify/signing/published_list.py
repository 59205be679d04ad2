"""The approved-images list as a gate reads it.

Its writer has models of pydantic (:mod:`certify.model.approved`), which take longer to import than
a list of 10,000 images takes to read. Here are the same fields as plain classes; an entry is read
once somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self, TypeVar

from certify.model.clock import rfc3339
from certify.model.errors import ListUnavailable
from certify.model.terms import Grade, Trust
from certify.util.strict_json import read_json
from certify.util.text import one_line

SCHEMA = "certify/approved/v1"
T = TypeVar("T")
Hook = Callable[[dict[str, Any]], dict[str, Any]]
LEFT_OUT: dict[str, Any] = {}
"""Stands for every entry that was left out; it is no valid entry, revocation or list itself."""


class UnknownToUs(ValueError):
    """Raised for what a newer certify may have written.

    A gate that passed over it might pass over a restriction.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHead:
    """A list without its entries."""

    schema: str
    sequence: int
    published_at: datetime
    expires_at: datetime
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """An image that may be run; see :class:`~certify.model.approved.Approved`."""

    pin: str
    reference: str
    registry: str
    repository: str
    tag: str | None
    digest: str
    manifest_digest: str | None
    platform: str
    profile: str
    grade: Grade
    trust: Trust = Trust.UNKNOWN
    waived: tuple[str, ...] = ()
    boot_seconds: float | None = None
    provision_seconds: float | None = None
    suite: str
    certified_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRevocation:
    """An image that must not be run, by its digest."""

    digest: str
    reference: str
    reason: str
    revoked_at: datetime
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list of approved images; its entries are not yet read, which would take long."""

    head: ListHead
    images: Sequence[dict[str, Any]]
    revoked: Sequence[dict[str, Any]]

    @classmethod
    def parse(cls, raw: bytes, where: str, hook: Hook | None = None) -> Self:
        """Read ``approved-images.json``. Raises :class:`ListUnavailable` for anything else.

        ``hook`` gets each object of the text and returns it, or :data:`LEFT_OUT` for an entry that
        nobody will ask for, which then takes no memory.
        """
        try:
            data = read_json(raw, hook)
            images, revoked = data.pop("images"), data.pop("revoked", [])
            head = read(ListHead, data)
            if head.schema != SCHEMA:
                raise UnknownToUs(f"it is {one_line(head.schema, 40)}")
            for part in (images, revoked):
                if not isinstance(part, list) or not all(isinstance(each, dict) for each in part):
                    raise ValueError("its entries are no objects")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise unreadable(where, error) from error
        return cls(head, [each for each in images if each is not LEFT_OUT], revoked)


def read(kind: Callable[..., T], data: Mapping[str, Any]) -> T:
    """Return an object of JSON as a value.

    Raises ``ValueError`` unless every field fits, :class:`UnknownToUs` for one that is not known.
    """
    types = {each.name: str(each.type) for each in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(data.keys() - types):
        raise UnknownToUs(f"{one_line(unknown[0], 40)} is no field of it")
    found = {}
    for name, value in data.items():
        try:
            found[name] = _READERS[types[name]](value)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"its {name}: {one_line(str(error), 80)}") from error
    try:
        return kind(**found)
    except TypeError as error:  # Python names the fields that are not there
        raise ValueError(str(error).partition(" ")[2]) from error


def as_json(image: ListedImage) -> dict[str, Any]:
    """Return an entry as the list has it."""
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in asdict(image).items()
    }


def unreadable(where: str, error: Exception) -> ListUnavailable:
    """Return the error for what is no list."""
    remedy = "Publish it anew with `certify publish`, or name another with --approved."
    if isinstance(error, UnknownToUs):
        remedy = (
            "If a newer certify wrote it, update this one: gates come before publishers"
            " (docs/upgrading.md). Otherwise publish it anew with `certify publish`."
        )
    return ListUnavailable(
        f"{where} cannot be read: it is no {SCHEMA} ({one_line(str(error), 120)})", remedy=remedy
    )


def _exactly(*kinds: type) -> Callable[[object], Any]:
    """Return a reader of values that have one of these types; True and False are no numbers."""

    def reader(value: object) -> object:
        if type(value) not in kinds:
            raise ValueError(f"{type(value).__name__} instead of {kinds[0].__name__}")
        return value

    return reader


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _exactly(list)(value)))


_text = _exactly(str)
_READERS: Mapping[str, Callable[[Any], object]] = {
    "str": _text,
    "str | None": _exactly(str, type(None)),
    "int": _exactly(int),
    "float | None": _exactly(float, int, type(None)),
    "tuple[str, ...]": _texts,
    "datetime": _moment,
    "Grade": Grade,
    "Trust": Trust,
}
"""Readers by the annotation of a field."""
