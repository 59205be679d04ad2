"""Results and reports as JSON; the JSON Schemas in `schemas/` describe them.

The inventories of images stay in the ledger; `certify diff IMAGE` compares them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from certify.model.result import Report, Result
from certify.publish.indexes import index_verdicts
from certify.util.text import safe_json, visible_json


def result_json(result: Result) -> str:
    """Return one result as indented JSON that ends with a newline."""
    return _json(_without_inventory(result))


def report_json(results: Sequence[Result]) -> str:
    """Return a report of all results in the order given, as JSON that ends with a newline."""
    whole = tuple(index_verdicts(results))
    return _json(Report(results=tuple(map(_without_inventory, results)), indexes=whole))


def _without_inventory(result: Result) -> Result:
    return result.model_copy(update={"inventory": None})


def _json(value: BaseModel) -> str:
    try:
        return visible_json(value.model_dump_json(by_alias=True, indent=2)) + "\n"
    except PydanticSerializationError:  # a lone surrogate cannot be encoded in UTF-8
        return safe_json(value.model_dump(mode="json", by_alias=True), indent=2) + "\n"
