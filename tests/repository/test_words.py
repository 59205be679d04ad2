"""Plain words: docstrings that begin as sentences do, and names that a stranger can guess."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = [path for folder in ("certify", "checks") for path in sorted((ROOT / folder).rglob("*.py"))]
MOST = 0.05
"""So large a share of the docstrings may begin with a relative clause or a pronoun."""
RIDDLE = re.compile(
    r"(What|Whatever|Whether|Who|Whom|Whose|Which|How|Of|That|This|These|Those|Where|When|Whoever|"
    r"All|None|It|Its|They|Their|Some|Somebody|Nobody|Nothing|Everybody|As|For|By|In|On|At|From|To|"
    r"With|Without|So|And|Or|Both|Each|If|Is|Are|Set|Null)\b"
)
"""Beginnings of a docstring that name nothing yet; "All checks" is a noun phrase, and rare."""
BANNED = {
    "seen", "keeping", "keeper", "answers", "company", "choice", "meaning", "meanings", "blame",
    "blames", "blamed", "ending", "thin", "thinned", "fitness", "mend", "mends", "mended",
    "mending", "unmended", "told", "tell", "tells", "telling", "untold", "retold", "said", "unkept",
    "unseen", "lifetime", "watching", "watcher", "unwatched", "mailbox", "certifying", "signed",
    "lazily", "whats", "heed", "heeds", "heeded",
}  # fmt: skip
"""Words that are no part of a module's, class's, function's, field's or parameter's name."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def documented(tree: ast.Module) -> Iterator[str]:
    """The docstrings of a module, its classes and functions, and of their fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if text := ast.get_docstring(node):
                yield text
            for before, after in pairwise(node.body):
                if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                    value = after.value
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield value.value


def names(tree: ast.Module) -> Iterator[str]:
    """The names that a module gives to classes, functions, parameters and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from (
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            )
        elif isinstance(node, ast.FunctionDef):
            yield node.name
            arguments = node.args
            yield from (
                each.arg
                for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            )


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


def test_docstrings_begin_with_a_verb_or_a_noun_phrase() -> None:
    texts = [(path, text) for path in FILES for text in documented(parsed(path))]
    riddles = [(str(path.relative_to(ROOT)), text) for path, text in texts if RIDDLE.match(text)]
    listed = "\n".join(f"{path}: {text.splitlines()[0]}" for path, text in riddles)
    assert len(riddles) < MOST * len(texts), f"{len(riddles)} of {len(texts)}\n{listed}"


def test_names_are_no_riddles() -> None:
    given = {(path, name) for path in FILES for name in (path.stem, *names(parsed(path)))}
    assert not [f"{path}: {name}" for path, name in given if words(name) & BANNED]


def test_python_calls_nothing_null() -> None:
    texts = ((path, text) for path in FILES for text in documented(parsed(path)) if "ull" in text)
    assert not [f"{path}: {text}" for path, text in texts if re.search(r"\b[Nn]ull\b", text)]
