"""TOML that people write: one loader, whose errors name the file, the line and the key."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from certify.util.text import one_line

Model = TypeVar("Model", bound=BaseModel)
ErrorClass = Callable[..., Exception]
"""The class of error to raise; it takes a message and the keyword ``remedy``."""
Path = Sequence[str | int]
"""Keys and positions that lead to a value in what :func:`tomllib.loads` returns."""

_EXPECTED = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list in brackets",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a table",
}
"""Plain words for pydantic's types of errors; for other types its own message is used."""


def packaged(package: str, name: str) -> dict[str, Any]:
    """Return the table in a TOML file that stands beside the modules of a package."""
    return tomllib.loads((resources.files(package) / name).read_text("utf-8"))


class Document:
    """A TOML text that was parsed, and the place of each key in its file."""

    def __init__(self, text: str, source: str, error: ErrorClass) -> None:
        """Parse a text; ``source`` names the file in messages, ``error`` is raised for problems."""
        self._text, self._source, self._error = text, source, error
        try:
            self.table = tomllib.loads(text)
        except (ValueError, RecursionError) as problem:
            raise error(f"{source}: this is not TOML: {problem}") from problem

    def validated(
        self,
        model: type[Model],
        table: Mapping[str, Any] | None = None,
        *,
        remedy: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> Model:
        """Return the document's table, or the ``table`` that was made from it, as a model.

        Raises ``error`` with one line for each problem (file, line, key, what was expected) and
        with ``remedy``. The model's validators receive ``context``.
        """
        try:
            return model.model_validate(self.table if table is None else table, context=context)
        except ValidationError as problem:
            lines = [
                self._line(each["loc"], _expected(each, model), missing=each["type"] == "missing")
                for each in problem.errors(include_url=False)
            ]
            raise self._error("\n".join(lines), remedy=remedy) from problem

    def problem(self, path: Path, expected: str, *, remedy: str = "") -> Exception:
        """Return the error for one key; the caller raises it."""
        return self._error(self._line(path, expected), remedy=remedy)

    def _line(self, path: Path, expected: str, *, missing: bool = False) -> str:
        """Return ``mine.toml:7: budgets.boot: must be a number``.

        A key that is missing has the line of its table; a key from elsewhere has none.
        """
        line = line_of(self._text, path)
        if missing and path[1:]:
            line = line_of(self._text, path[:-1])
        place = f"{self._source}:{line}" if line else self._source
        return f"{place}: {one_line(_key(path))}: {one_line(expected, 600)}"


def _key(path: Path) -> str:
    """Return ``budgets.boot`` or ``waiver 2, owner``; people count from 1."""
    key = ""
    for before, step in zip(("", *path), path, strict=False):
        if isinstance(step, int):
            key += f" {step + 1}"
        else:
            key += (", " if isinstance(before, int) else "." if key else "") + step
    return key


def _expected(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        close = get_close_matches(str(error["loc"][-1]), _fields(model, error["loc"][:-1]), n=1)
        return "is not known here" + (f"; did you mean {close[0]!r}?" if close else "")
    if error["type"] in ("enum", "literal_error"):
        return f"{error['input']!r} is none of {error['ctx']['expected']}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return _EXPECTED.get(error["type"], message)


def _fields(model: type[BaseModel], path: Path) -> Sequence[str]:
    """Return the names of the fields of the table at a path."""
    for step in path:
        if isinstance(step, str):
            annotation = model.model_fields[step].annotation
            models = (annotation, *get_args(annotation))
            model = next(
                each for each in models if isinstance(each, type) and issubclass(each, BaseModel)
            )
    return tuple(model.model_fields)


def line_of(text: str, path: Path) -> int | None:
    """Return the line, counted from 1, of the key or table header at a path.

    ``("waiver", 2, "expires")`` is the key ``expires`` of the third ``[[waiver]]``. An item of an
    array and a key of an inline table have the line of the key that holds them. Returns None if
    nothing is at that path, or if the text is not TOML.

    No TOML statement is complete before its last line, and a key that was read stays there; so a
    binary search with the parser itself finds how far the text must be read.
    """
    lines = text.split("\n")
    if _parsed(lines, len(lines))[0] < len(lines):
        return None
    last = bisect_left(
        range(len(lines) + 1), True, key=lambda count: _leads(_parsed(lines, count)[1], path)
    )
    if last > len(lines):
        return None
    return _parsed(lines, last - 1)[0] + 1


def _parsed(lines: Sequence[str], count: int) -> tuple[int, dict[str, Any]]:
    """Return how many of the first ``count`` lines are complete TOML, and their table."""
    for length in range(count, 0, -1):
        try:
            return length, tomllib.loads("\n".join(lines[:length]) + "\n")
        except (ValueError, RecursionError):
            continue
    return 0, {}


def _leads(document: Any, path: Path) -> bool:
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return False
    return True
