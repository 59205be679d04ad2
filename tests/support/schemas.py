"""Files of continuous integration by their published schemas."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from click.testing import CliRunner


def conforms(schema: str, file: Path) -> None:
    """The file conforms to a schema that ``check-jsonschema`` has built in, such as GitHub's."""
    program = import_module("check_jsonschema").main  # which few tests need, and all would load
    checked = CliRunner().invoke(program, ["--builtin-schema", schema, str(file)])
    assert checked.exit_code == 0, checked.output
