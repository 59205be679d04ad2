"""The output of ``certify doctor``: the condition of a host."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import ConfigDict, Field

from certify.model.value import Value

DOCTOR_SCHEMA: Final = "certify/doctor/v1"


class Health(StrEnum):
    """The health of one part of the host."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Sign(Value):
    """A finding about one part of the host, with a remedy."""

    name: str
    status: Health
    text: str
    remedy: str = ""
    """The remedy; empty if none is needed."""


class Examination(Value):
    """The findings, as ``certify doctor --format json`` prints them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["certify/doctor/v1"] = Field(default=DOCTOR_SCHEMA, alias="schema")
    checks: tuple[Sign, ...]
