"""JSON that others wrote, read as its standard has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any

from certify.util.text import one_line


def read_json(text: str | bytes, hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Return the content of JSON. Raises ValueError for any other text.

    Python itself takes NaN and Infinity, makes an infinite number of ``1e999``, none of which can
    be written again, and raises RecursionError for thousands of brackets. ``hook`` gets each object
    and returns what stands for it.
    """
    try:
        return json.loads(text, object_hook=hook, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{one_line(text, 40)} is no number in JSON")
    return number
