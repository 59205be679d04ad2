"""Every error says what to do, and has a page of the documentation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from certify.cli.help import pages
from certify.cli.main import PAGES, main
from certify.model import errors
from certify.model.errors import CertifyError, Trouble, UsageError


def test_every_kind_of_error_has_a_page_that_exists() -> None:
    def kinds(kind: type[CertifyError]) -> Iterator[type[CertifyError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from kinds(each)

    without = {each for each in kinds(CertifyError) if not each.page}
    assert without == {CertifyError, UsageError}, "whose page is that of the command"
    assert {each.page for each in kinds(CertifyError)} - {""} <= pages().keys()
    assert {*PAGES.values(), "faq"} <= pages().keys()
    assert PAGES.keys() <= set(main.commands)


def test_every_error_says_what_to_do() -> None:
    """The readers of archives and signatures say it in one place for all their errors."""
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, (UsageError, Trouble))
    }
    silent = []
    for path in sorted(Path(errors.__file__).parents[1].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            known = {keyword.arg for keyword in node.keywords} & {"remedy", None}
            if node.func.id in kinds - {"BadArchive"} and not known:
                silent.append(f"{path.name}:{node.lineno}")
    # A reference's message ends with a correct example; trouble in a check has the check's remedy.
    where = [each.split(":")[0] for each in silent]
    assert where == ["reference.py", "candidate.py", "candidate.py"], silent
