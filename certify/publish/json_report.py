"""Results and reports as JSON, and the JSON Schemas that they keep to.

The schemas are generated from `certify.model.result` and shipped as files beside this module, for
programs that read certify's output. After a change of the model, write them anew::

    python -c 'from certify.publish.json_report import write_schemas; write_schemas()'
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from certify.model.approved import APPROVED_SCHEMA, ApprovedList
from certify.model.examination import DOCTOR_SCHEMA, Examination
from certify.model.result import REPORT_SCHEMA, RESULT_SCHEMA, Report, Result
from certify.util.files import write_atomically
from certify.util.text import safe_json, visible_json

SCHEMAS = Path(__file__).parent / "schemas"
"""Where the schema files lie, in a checkout and in a wheel."""


class _OutputSchema(GenerateJsonSchema):
    """Describes what certify writes: every field is always there, null or not."""

    def field_is_required(self, *_args: Any, **_kwargs: Any) -> bool:
        """A default spares Python code an argument, and readers of JSON nothing."""
        return True


def result_json(result: Result) -> str:
    """One result, indented, with a newline at its end."""
    return _json(result)


def report_json(results: Sequence[Result]) -> str:
    """A report of all results in the order given, indented, with a newline at its end."""
    return _json(Report(results=tuple(results)))


def result_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one result."""
    return _schema(Result, RESULT_SCHEMA, "A certificate, or why there is none")


def report_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what ``certify run --format json`` prints."""
    return _schema(Report, REPORT_SCHEMA, "Results of one run of certify")


def approved_schema() -> dict[str, Any]:
    """JSON Schema of ``approved-images.json``."""
    return _schema(ApprovedList, APPROVED_SCHEMA, "Images that are approved")


def examination_schema() -> dict[str, Any]:
    """JSON Schema of what ``certify doctor --format json`` prints."""
    return _schema(Examination, DOCTOR_SCHEMA, "Whether a host can certify")


def schema_files() -> dict[str, str]:
    """The schema files, as name and text."""
    schemas = {
        "result.v1.json": result_schema(),
        "report.v1.json": report_schema(),
        "approved.v1.json": approved_schema(),
        "doctor.v1.json": examination_schema(),
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def write_schemas(folder: Path = SCHEMAS) -> None:
    """Write the schema files anew, after a change of the model."""
    for name, text in schema_files().items():
        write_atomically(folder / name, text)


def _json(value: BaseModel) -> str:
    try:
        return visible_json(value.model_dump_json(by_alias=True, indent=2)) + "\n"
    except PydanticSerializationError:  # it has no UTF-8 for a lone surrogate
        return safe_json(value.model_dump(mode="json", by_alias=True), indent=2) + "\n"


def _schema(model: type[BaseModel], identity: str, title: str) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization", schema_generator=_OutputSchema)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": identity,
        **schema,
        "title": title,
    }
