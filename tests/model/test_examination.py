"""The output of the doctor, as another program reads it."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from certify.doctor.render import examination_json
from certify.model.examination import Examination, Health, Sign

SIGNS = (
    Sign(name="cpus", status=Health.OK, text="2"),
    Sign(name="disk", status=Health.FAIL, text="0 bytes free", remedy="Make room."),
)


def test_it_is_read_as_it_was_printed() -> None:
    assert Examination.model_validate_json(examination_json(SIGNS)) == Examination(checks=SIGNS)


@pytest.mark.parametrize(
    "changed",
    [{"schema": "certify/doctor/v2"}, {"checks": [{"name": "x", "status": "odd", "text": ""}]},
     {"mood": "good"}],
)  # fmt: skip
def test_what_is_no_examination_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Examination.model_validate(json.loads(examination_json(SIGNS)) | changed)
