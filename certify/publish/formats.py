"""The output formats of results for other programs, by their names on the command line.

To add a format, write its renderer in a module of this folder and name it here; the option
``--format``, its help text and the tests of all formats follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from certify.model.result import Result
from certify.publish.codequality import codequality
from certify.publish.github import workflow_commands
from certify.publish.json_report import report_json
from certify.publish.junit import junit_xml
from certify.publish.markdown import markdown
from certify.publish.places import Places
from certify.publish.sarif import sarif

RENDERERS: Mapping[str, Callable[[Sequence[Result]], str]] = {
    "json": report_json,
    "junit": junit_xml,
    "markdown": markdown,
    "github": workflow_commands,
    "sarif": sarif,
    "codequality": codequality,
}
"""Functions that return a whole document for any number of results; all of them are pure."""

LOCATED: Mapping[str, Callable[[Sequence[Result], Places], str]] = {
    "github": workflow_commands,
    "sarif": sarif,
    "codequality": codequality,
}
"""Formats that also take the files and lines that name the images."""
