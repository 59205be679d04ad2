"""The base class of all values, and their moments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from certify.model.clock import rfc3339

Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment in UTC, written to JSON as RFC 3339 with milliseconds."""


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenValue(Value):
    """A frozen value that keeps unknown fields, as a newer certify may have written it."""

    model_config = ConfigDict(frozen=True, extra="allow")


V = TypeVar("V", bound=Value)
_HIDDEN: Mapping[str, Any] = {
    "__pydantic_fields_set__": set[str](), "__pydantic_extra__": None, "__pydantic_private__": None,
}  # fmt: skip
"""Attributes that pydantic keeps beside the fields of a value; one set serves all values."""


def trusted(kind: type[V], fields: Mapping[str, Any]) -> V:
    """Return a value of fields that are known to be valid, in a third of the usual memory."""
    value = kind.__new__(kind)
    # A copy shares its names with all others of the kind; it would not if all were set at once.
    mine = vars(_empty(kind)).copy()
    for name, field in fields.items():
        mine[name] = field
    _put(value, "__dict__", mine)
    for name, field in _HIDDEN.items():
        _put(value, name, field)
    return value


_put = object.__setattr__


@cache
def _empty(kind: type[V]) -> V:
    """Return a value with the defaults of its kind, set one by one: so Python keeps names apart."""
    value = kind.__new__(kind)
    for name, field in kind.model_fields.items():
        _put(value, name, None if field.is_required() else field.default)
    return value
