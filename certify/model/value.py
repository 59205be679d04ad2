"""The base class of all values, and their moments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

from certify.model.clock import rfc3339


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no moment that UTC has") from error


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with a time zone, made one in UTC, and written to JSON as RFC 3339 with milliseconds."""


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenValue(Value):
    """A frozen value that keeps unknown fields, as a newer certify may have written it."""

    model_config = ConfigDict(frozen=True, extra="allow")


V = TypeVar("V", bound=Value)
_HIDDEN: dict[str, Any] = {
    "__pydantic_fields_set__": set[str](), "__pydantic_extra__": None, "__pydantic_private__": None,
}  # fmt: skip
"""Attributes that pydantic keeps beside the fields of a value; one set serves all values."""


def trusted(kind: type[V], fields: Mapping[str, Any]) -> V:
    """Return a value of fields that are known to be valid, in a third of the usual memory.

    They are set one by one, as Python shares the names only of what is set as an attribute.
    """
    value = kind.__new__(kind)
    for name, field in {**_unset(kind), **fields}.items():
        _put(value, name, field)
    return value


_put = object.__setattr__


@cache
def _unset(kind: type[Value]) -> dict[str, Any]:
    """Return the attributes of a value of which no field is given."""
    fields = kind.model_fields.items()
    return {name: field.default for name, field in fields if not field.is_required()} | _HIDDEN
