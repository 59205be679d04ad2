"""The JSON Schemas that programs can rely on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from certify.model.result import Result
from certify.publish.json_report import report_json, result_json
from scripts.json_schema import SCHEMAS, json_schema, schema_files


def check(schema: dict[str, Any], document: object) -> None:
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_the_shipped_schema_is_up_to_date(name: str) -> None:
    assert (SCHEMAS / name).read_text() == schema_files()[name], "run scripts/docs"


def test_nothing_else_lies_beside_the_schemas() -> None:
    assert {entry.name for entry in SCHEMAS.iterdir()} == set(schema_files())


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_a_schema_names_itself(name: str) -> None:
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"certify/{name.removesuffix('.json').replace('.', '/')}"
    assert schema["title"]
    assert schema["properties"]["schema"]["const"] == schema["$id"]


def test_every_kind_of_result_keeps_to_the_schema(one_of_each: list[Result]) -> None:
    document = json.loads(report_json(one_of_each))
    check(json_schema("report.v1.json"), document)
    for one in document["results"]:
        check(json_schema("result.v1.json"), one)


@pytest.mark.parametrize(
    ("where", "value"),
    [("schema", "certify/result/v2"), ("started_at", None), ("verdict", {})],
)
def test_the_schema_refuses_what_is_not_a_result(native: Result, where: str, value: object) -> None:
    with pytest.raises(ValidationError):
        check(json_schema("result.v1.json"), json.loads(result_json(native)) | {where: value})


def test_the_schema_promises_every_field(native: Result) -> None:
    document = json.loads(result_json(native))
    assert sorted(json_schema("result.v1.json")["required"]) == sorted(document)
    del document["schema"]
    with pytest.raises(ValidationError):
        check(json_schema("result.v1.json"), document)
