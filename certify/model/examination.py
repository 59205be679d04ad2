"""What `certify doctor` prints: signs of how fit a host is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import ConfigDict, Field

from certify.model.value import Value

DOCTOR_SCHEMA: Final = "certify/doctor/v1"


class Health(StrEnum):
    """How well one thing is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Sign(Value):
    """What was seen of one thing, and what to do about it."""

    name: str
    status: Health
    text: str
    remedy: str = ""
    """Empty if nothing needs to be done."""


class Examination(Value):
    """All signs: what ``certify doctor --format json`` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/doctor/v1"] = Field(default=DOCTOR_SCHEMA, alias="schema")
    checks: tuple[Sign, ...]
