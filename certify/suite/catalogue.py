"""Where the checks are, what they claim, and the digest of them all."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from certify.model.errors import UsageError
from certify.model.finding import Claim
from certify.suite.claims import Spec, own_check_id, run_order


@cache
def suite_directory() -> Path:
    """The folder of the shipped checks: in the package if it was installed from a wheel."""
    packaged = Path(str(resources.files("certify"))) / "checks"
    return packaged if packaged.is_dir() else packaged.parent.parent / "checks"


def check_files(directory: Path) -> list[Path]:
    """The files of a suite, in a stable order."""
    return sorted(directory.glob("test_*.py"))


def _sources(directory: Path) -> list[Path]:
    """All that pytest may read there: checks, also in folders below, and what they share."""
    return [
        path
        for path in sorted(directory.rglob("*.py"))
        if not any(part.startswith(".") for part in path.relative_to(directory).parts)
    ]


@cache
def specs() -> tuple[Spec, ...]:
    """Every shipped check, in the order in which they run."""
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
    """Every shipped check's claim, by id."""
    return {spec.claim.id: spec.claim for spec in specs()}


@cache
def suite_digest(profile_digest: str, extra: Path | None = None, options: str = "") -> str:
    """A digest over all that judges: the profile, the checks and what runs and weighs them.

    ``options`` are those that a verdict depends on; with other ones it is another digest.
    """
    digest = hashlib.sha256(f"{profile_digest} {options} {_ours()}".encode())
    for directory in (suite_directory(), *([extra] if extra else ())):
        for path in _sources(directory):
            _add(digest, path, directory)
    return "sha256:" + digest.hexdigest()


@cache
def _ours() -> str:
    """What launches, asks and judges: a verdict of an older certify may be one that is mended."""
    digest, package = hashlib.sha256(), Path(str(resources.files("certify")))
    for folder in ("engine", "judge", "suite"):
        for path in sorted(package.joinpath(folder).glob("*")):
            if path.suffix in (".py", ".toml"):
                _add(digest, path, package)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: Path, directory: Path) -> None:
    content = path.read_bytes()
    digest.update(f"{path.relative_to(directory)} {len(content)}\n".encode())
    digest.update(content)


def own_checks(directory: str) -> Path:
    """A user's own folder of checks. Raises :class:`UsageError` if it holds none."""
    path = Path(directory).resolve()
    if not check_files(path):
        raise UsageError(
            f"--checks {directory}: no test_*.py file is in that folder.",
            remedy="Name a folder that holds pytest files, such as test_mine.py.",
        )
    return path


def known_ids(own_checks: Path | None = None) -> frozenset[str]:
    """Ids of all checks there are: the shipped ones, and those in a user's own folder."""
    return frozenset(claims()) | (own_check_ids(own_checks) if own_checks else frozenset())


def own_check_ids(directory: Path) -> frozenset[str]:
    """Ids of the checks in a user's own folder, by their text alone: none of it is run.

    A declared check is found if its id stands literally in ``@check("group.name", ...)``.
    """
    found: set[str] = set()
    for path in sorted(directory.rglob("test_*.py")):
        with contextlib.suppress(SyntaxError, ValueError):  # the run itself will tell of it
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                    found.update(set(_declared_ids(node)) or {own_check_id(node.name)})
    return frozenset(found)


def _declared_ids(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call):
            keywords = {keyword.arg: keyword.value for keyword in decorator.keywords}
            match [*decorator.args[:1], keywords.get("id")]:
                # No other decorator has a remedy, and @check is not without.
                case [ast.Constant(value=str(text)), *_] if "remedy" in keywords:
                    yield text
