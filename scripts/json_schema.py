"""JSON Schemas (draft 2020-12) of certify's JSON output, generated from the models.

They ship in the package as files. After a change of a model, run ``scripts/docs`` to write them
again; a test fails while they are out of date.
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

SCHEMAS = Path(__file__).parents[1] / "certify" / "publish" / "schemas"


_MODELS: dict[str, tuple[type[BaseModel], str, str]] = {
    "result.v1.json": (Result, RESULT_SCHEMA, "A certificate, or why there is none"),
    "report.v1.json": (Report, REPORT_SCHEMA, "Results of one run of certify"),
    "approved.v1.json": (ApprovedList, APPROVED_SCHEMA, "Images that are approved"),
    "doctor.v1.json": (Examination, DOCTOR_SCHEMA, "Whether a host can certify"),
}


class _OutputSchema(GenerateJsonSchema):
    """Generates schemas in which every field is required, as certify writes all of them."""

    def field_is_required(self, *_args: Any, **_kwargs: Any) -> bool:
        """Return True for fields with a default, too."""
        return True


def json_schema(name: str) -> dict[str, Any]:
    """Return the schema for one of the files in :data:`SCHEMAS`."""
    model, identity, title = _MODELS[name]
    schema = model.model_json_schema(mode="serialization", schema_generator=_OutputSchema)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": identity,
        **schema,
        "title": title,
    }


def schema_files() -> dict[str, str]:
    """Return name and text of each schema file."""
    return {name: json.dumps(json_schema(name), indent=2) + "\n" for name in _MODELS}
