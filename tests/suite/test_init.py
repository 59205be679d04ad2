"""The names that a file of checks imports from ``certify.suite``."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from certify import suite
from certify.suite import Candidate, Nested
from certify.suite.commands import Commands
from certify.suite.lifecycle import Lifecycle
from tests.repository.test_architecture import ROOT

PAGE = ROOT / "docs" / "writing-checks.md"


@pytest.mark.parametrize("name", suite.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(suite, name) is not None


def test_only_these_names_are_there() -> None:
    lazy = set().union(*suite._MODULES.values())
    assert lazy == set(suite.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        suite.nothing  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(suite.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {
        (module, name) for module, names in suite._MODULES.items() for name in names
    }


def test_the_page_for_authors_describes_each_name() -> None:
    described = re.findall(r"^\| `(\w+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(suite.__all__) <= set(described)


OF_THE_CONDUCTOR = {
    "console_output", "container", "control_results", "job", "longest_wait", "transcript",
}  # fmt: skip
"""Attributes of the candidate that the conductor and its helpers use, and checks do not need."""


def attributes(*classes: type) -> set[str]:
    """The public methods and properties of classes, and the fields that they set."""
    found = {name for each in classes for name in dir(each)}
    for each in classes:
        found |= set(re.findall(r"^        self\.(\w+)(?:: .*)? = ", inspect.getsource(each), re.M))
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize(
    ("classes", "prefix"), [((Candidate, Commands, Lifecycle), "candidate"), ((Nested,), "nested")]
)
def test_the_page_describes_each_attribute(classes: tuple[type, ...], prefix: str) -> None:
    text = PAGE.read_text("utf-8").partition(f"| `{prefix}.` | meaning |")[2].partition("\n\n")[0]
    first_cells = " ".join(line.split(" | ")[0] for line in text.splitlines())
    described = set(re.findall(r"`(\w+)", first_cells))
    assert described == attributes(*classes) - OF_THE_CONDUCTOR
