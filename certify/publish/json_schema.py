"""JSON Schemas (draft 2020-12) of certify's JSON output, generated from the models.

They ship as files in ``schemas/`` beside this module. After a change of a model, run
``scripts/docs`` to write them again; a test fails while they are out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from certify.model.approved import APPROVED_SCHEMA, ApprovedList
from certify.model.examination import DOCTOR_SCHEMA, Examination
from certify.model.result import REPORT_SCHEMA, RESULT_SCHEMA, Report, Result

SCHEMAS = Path(__file__).parent / "schemas"
"""The folder of the schema files, in a checkout and in a wheel."""


class _OutputSchema(GenerateJsonSchema):
    """Generates schemas in which every field is required, as certify writes all of them."""

    def field_is_required(self, *_args: Any, **_kwargs: Any) -> bool:
        """Return True for fields with a default, too."""
        return True


def result_schema() -> dict[str, Any]:
    """Return the schema of one result."""
    return _schema(Result, RESULT_SCHEMA, "A certificate, or why there is none")


def report_schema() -> dict[str, Any]:
    """Return the schema of the output of ``certify run --format json``."""
    return _schema(Report, REPORT_SCHEMA, "Results of one run of certify")


def approved_schema() -> dict[str, Any]:
    """Return the schema of ``approved-images.json``."""
    return _schema(ApprovedList, APPROVED_SCHEMA, "Images that are approved")


def examination_schema() -> dict[str, Any]:
    """Return the schema of the output of ``certify doctor --format json``."""
    return _schema(Examination, DOCTOR_SCHEMA, "Whether a host can certify")


def schema_files() -> dict[str, str]:
    """Return name and text of each schema file."""
    schemas = {
        "result.v1.json": result_schema(),
        "report.v1.json": report_schema(),
        "approved.v1.json": approved_schema(),
        "doctor.v1.json": examination_schema(),
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}


def _schema(model: type[BaseModel], identity: str, title: str) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization", schema_generator=_OutputSchema)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": identity,
        **schema,
        "title": title,
    }
