"""JSON that programs can rely on, and the schemas that say what they can rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from certify.model.result import Report, Result
from certify.publish import json_report as published
from certify.publish.json_report import (
    SCHEMAS,
    report_json,
    report_schema,
    result_json,
    result_schema,
    schema_files,
)
from certify.util.text import printable


def check(schema: dict[str, Any], document: object) -> None:
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_the_shipped_schema_is_the_models(name: str) -> None:
    assert (SCHEMAS / name).read_text() == schema_files()[name], published.__doc__


def test_nothing_else_lies_beside_the_schemas() -> None:
    assert {entry.name for entry in SCHEMAS.iterdir()} == set(schema_files())


@pytest.mark.parametrize("schema", [report_schema(), result_schema()], ids=["report", "result"])
def test_a_schema_says_what_it_is(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] in ("certify/report/v1", "certify/result/v1")
    assert schema["title"]
    assert schema["properties"]["schema"]["const"] == schema["$id"]


def test_every_kind_of_result_keeps_to_the_schema(one_of_each: list[Result]) -> None:
    document = json.loads(report_json(one_of_each))
    check(report_schema(), document)
    for one in document["results"]:
        check(result_schema(), one)


@pytest.mark.parametrize(
    ("where", "value"),
    [("schema", "certify/result/v2"), ("started_at", None), ("verdict", {}), ("extra", 1)],
)
def test_the_schema_refuses_what_is_not_a_result(native: Result, where: str, value: object) -> None:
    with pytest.raises(ValidationError):
        check(result_schema(), json.loads(result_json(native)) | {where: value})


def test_the_schema_promises_every_field(native: Result) -> None:
    document = json.loads(result_json(native))
    assert sorted(result_schema()["required"]) == sorted(document)
    del document["schema"]
    with pytest.raises(ValidationError):
        check(result_schema(), document)


def test_a_report_keeps_the_order_and_comes_back(one_of_each: list[Result]) -> None:
    text = report_json(one_of_each)
    assert text.startswith('{\n  "schema": "certify/report/v1",\n  "results": [')
    assert text.endswith("}\n")
    assert Report.model_validate_json(text).results == tuple(one_of_each)
    assert json.loads(report_json([])) == {"schema": "certify/report/v1", "results": []}


def test_moments_are_rfc_3339(native: Result) -> None:
    assert json.loads(result_json(native))["started_at"] == "2026-03-01T12:00:00.000Z"


def test_hostile_text_cannot_reach_the_terminal_or_break_the_file(native: Result) -> None:
    hostile = "\x1b[2J\x9b2J\u202e\ud800\x00"
    image = native.image.model_copy(update={"created": hostile})
    text = result_json(native.model_copy(update={"image": image}))
    assert printable(text) == text
    text.encode()
    assert json.loads(text)["image"]["created"] == hostile.replace("\ud800", "\ufffd")
