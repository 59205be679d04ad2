"""Values: frozen, without unknown fields, with moments as RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from certify.model.value import Moment, Value


class Event(Value):
    at: Moment


NOON = Event(at=datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_a_moment_is_rfc_3339_in_json() -> None:
    assert NOON.model_dump_json() == '{"at":"2026-03-01T12:00:00.000Z"}'
    assert Event.model_validate_json(NOON.model_dump_json()) == NOON


def test_a_moment_has_a_time_zone_and_is_one_of_utc() -> None:
    made = Event.model_validate({"at": "2026-03-01T14:00:00+02:00"})
    assert made.model_dump_json() == NOON.model_dump_json()
    for text in ("2026-03-01T12:00:00", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ValidationError, match="at"):
            Event.model_validate({"at": text})


def test_a_value_is_frozen_and_has_no_other_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        NOON.at = datetime.now(UTC)
    with pytest.raises(ValidationError, match="not permitted"):
        Event.model_validate({"at": NOON.at, "to": NOON.at})
