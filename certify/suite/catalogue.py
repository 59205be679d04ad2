"""The shipped checks and a user's own: their files and their claims."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from certify.model.errors import BadChecks
from certify.model.finding import Claim
from certify.suite.claims import Spec, own_check_id, run_order


@cache
def suite_directory() -> Path:
    """Return the folder of the shipped checks; a wheel has it inside the package."""
    packaged = Path(str(resources.files("certify"))) / "checks"
    return packaged if packaged.is_dir() else packaged.parent.parent / "checks"


def check_files(directory: Path) -> list[Path]:
    """Return the files of checks in a folder, sorted."""
    return sorted(directory.glob("test_*.py"))


@cache
def specs() -> tuple[Spec, ...]:
    """Return the specs of all shipped checks, in the order of their run."""
    found: list[Spec] = []
    for path in check_files(suite_directory()):
        name = f"certify_checks_{path.stem}"
        module_spec = importlib.util.spec_from_file_location(name, path)
        assert module_spec is not None and module_spec.loader is not None
        module = importlib.util.module_from_spec(module_spec)
        sys.modules[name] = module
        module_spec.loader.exec_module(module)
        found += [
            declared
            for value in vars(module).values()
            if isinstance(declared := getattr(value, "certify_check", None), Spec)
        ]
    return tuple(sorted(found, key=run_order))


def claims() -> dict[str, Claim]:
    """Return the claims of all shipped checks, by id."""
    return {spec.claim.id: spec.claim for spec in specs()}


def own_checks_folder(directory: str) -> Path:
    """Return the path of a user's own checks.

    Raises :class:`BadChecks` if it holds none, or a file that is not Python.
    """
    path = Path(directory).resolve()
    if not check_files(path):
        raise BadChecks(
            f"--checks {directory}: no test_*.py file is in that folder.",
            remedy="Name a folder that holds pytest files, such as test_mine.py.",
        )
    own_check_ids(path)
    return path


def known_check_ids(own_checks: Path | None = None) -> frozenset[str]:
    """Return the ids of the shipped checks and of those in a user's own folder."""
    return frozenset(claims()) | (own_check_ids(own_checks) if own_checks else frozenset())


def own_check_ids(directory: Path) -> frozenset[str]:
    """Return the ids of the checks in a user's own folder, without running its code.

    The id of a declared check must be a literal in ``@check("group.name", ...)``. Raises
    :class:`BadChecks` for a file that is not Python.
    """
    found: set[str] = set()
    for path in sorted(directory.rglob("test_*.py")):
        try:
            parsed = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError) as problem:
            line = getattr(problem, "lineno", None) or 1
            text = getattr(problem, "msg", str(problem))
            raise BadChecks(f"{path}:{line}: {text}", remedy="Correct your check.") from problem
        for node in ast.walk(parsed):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                found.update(set(_declared_ids(node)) or {own_check_id(node.name)})
    return frozenset(found)


def _declared_ids(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in decorator.keywords}
            match [*decorator.args[:1], keywords.get("id")]:
                # Only @check has a remedy, and it must have one.
                case [ast.Constant(value=str(text)), *_] if "remedy" in keywords:
                    yield text
