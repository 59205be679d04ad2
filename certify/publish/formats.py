"""The output formats of results for other programs, by their names on the command line.

To add a format, write its renderer in a module of this folder and name it here; the option
``--format``, its help text and the tests of all formats follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

Renderer = Callable[..., str]


def _renderer(module: str, function: str) -> Renderer:
    """Return a renderer of this folder that is imported once it is called; help needs none."""

    def render(*arguments: object) -> str:
        return str(getattr(import_module(f"certify.publish.{module}"), function)(*arguments))

    return render


RENDERERS: Mapping[str, Renderer] = {
    "json": _renderer("json_report", "report_json"),
    "junit": _renderer("junit", "junit_xml"),
    "markdown": _renderer("markdown", "markdown"),
    "github": _renderer("github", "workflow_commands"),
    "sarif": _renderer("sarif", "sarif"),
    "codequality": _renderer("codequality", "codequality"),
}
"""Functions that return a whole document for any number of results; all of them are pure."""

LOCATED = ("github", "sarif", "codequality")
"""Formats that also take the files and lines that name the images."""
