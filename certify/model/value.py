"""The base class of all values, and moments in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC as JSON has it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
