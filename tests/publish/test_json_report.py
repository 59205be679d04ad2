"""Results as JSON: complete, in order, and harmless for a terminal."""

from __future__ import annotations

import json

from certify.model.result import Report, Result
from certify.publish.json_report import report_json, result_json
from certify.util.text import printable


def test_a_report_keeps_the_order_and_comes_back(one_of_each: list[Result]) -> None:
    text = report_json(one_of_each)
    assert text.startswith('{\n  "schema": "certify/report/v1",\n  "results": [')
    assert text.endswith("}\n")
    assert Report.model_validate_json(text).results == tuple(one_of_each)
    assert json.loads(report_json([])) == {
        "schema": "certify/report/v1", "results": [], "indexes": [],
    }  # fmt: skip


def test_moments_are_rfc_3339(native: Result) -> None:
    assert json.loads(result_json(native))["started_at"] == "2026-03-01T12:00:00.000Z"


def test_hostile_text_cannot_reach_the_terminal_or_break_the_file(native: Result) -> None:
    hostile = "\x1b[2J\x9b2J\u202e\ud800\x00"
    image = native.image.model_copy(update={"created": hostile})
    text = result_json(native.model_copy(update={"image": image}))
    assert printable(text) == text
    text.encode()
    assert json.loads(text)["image"]["created"] == hostile.replace("\ud800", "\ufffd")
