"""What results say of themselves, and what they keep of newer ones."""

from __future__ import annotations

import pytest

from certify.model.result import Image, Reason, Result
from certify.util.text import safe_json
from tests.factories import a_result, digest


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({"digest": digest(1), "image_id": digest(2)}, digest(1)),
        ({"image_id": digest(2)}, digest(2)),
        ({}, ""),
    ],
)
def test_an_image_is_identified_by_its_digest_or_id(fields: dict[str, str], identity: str) -> None:
    assert Image.model_validate({"reference": "a:1"} | fields).identity == identity


def test_a_cause_names_its_check_if_it_has_one() -> None:
    assert Reason(check="image.shell", text="it has none", remedy="").cause == (
        "image.shell: it has none"
    )
    assert Reason(check=None, text="no engine answers", remedy="").cause == "no engine answers"


def test_fields_of_a_newer_certify_are_kept() -> None:
    newer = a_result().model_dump(mode="json", by_alias=True)
    newer["image"]["colour"] = "blue"
    newer["mood"] = {"is": "good"}
    read = Result.model_validate_json(safe_json(newer))
    assert read.model_dump(mode="json", by_alias=True) == newer
