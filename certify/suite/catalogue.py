"""Where the checks are, what they claim, and the digest of them all."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from functools import cache
from importlib import resources
from pathlib import Path

from certify.errors import UsageError
from certify.model import Claim
from certify.suite.claims import Spec, run_order


@cache
def suite_directory() -> Path:
    """The folder of the shipped checks: in the package if it was installed from a wheel."""
    packaged = Path(str(resources.files("certify"))) / "checks"
    return packaged if packaged.is_dir() else packaged.parent.parent / "checks"


def check_files(directory: Path) -> list[Path]:
    """The files of a suite, in a stable order."""
    return sorted(directory.glob("test_*.py"))


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
def suite_digest(profile_digest: str, extra: Path | None = None) -> str:
    """A digest over the checks' text and the profile: what judged, exactly."""
    digest = hashlib.sha256(profile_digest.encode())
    for directory in (suite_directory(), *([extra] if extra else ())):
        for path in check_files(directory):
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
    return "sha256:" + digest.hexdigest()


def own_checks(directory: str) -> Path:
    """A user's own folder of checks. Raises :class:`UsageError` if it holds none."""
    path = Path(directory).resolve()
    if not check_files(path):
        raise UsageError(
            f"--checks {directory}: no test_*.py file is in that folder.",
            remedy="Name a folder that holds pytest files, such as test_mine.py.",
        )
    return path
