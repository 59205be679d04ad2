"""The base class of all values, and their moments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

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
