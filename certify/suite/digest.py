"""The suite digest: a hash over exactly what can change a verdict.

A certificate holds it, and a sweep certifies an image again once it has changed. So nothing is in
it that only prints, stores or publishes verdicts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from certify.engine.launch_plan import Limits
from certify.judge.profile import Profile
from certify.suite.catalogue import suite_directory

PACKAGES = ("certification", "engine", "judge", "suite")
"""The packages that launch an image, run its checks and judge them; all their files count."""
SHARED = (
    "model/clock.py", "model/errors.py", "model/finding.py", "model/host.py",
    "model/inventory.py", "model/platform.py", "model/reference.py", "model/result.py",
    "model/terms.py", "model/value.py",
    "util/files.py", "util/packing.py", "util/signals.py", "util/strict_json.py", "util/text.py",
    "util/threads.py", "util/toml.py",
)  # fmt: skip
"""The values and helpers that those packages import; a test compares this with the imports."""

SOURCES = (".py", ".js")
"""The suffixes of files of checks, and of the programs that they run inside an image."""


@dataclass(frozen=True)
class ResolvedOptions:
    """The options of a run that a verdict depends on, as they apply to one image."""

    isolation: str
    """The isolation of the launch, never ``auto`` where an engine could resolve it."""
    platform: str
    network: str | None
    limits: Limits
    runs: int
    """The number of launches that measure startup times."""
    repeat: int
    """The number of times that all checks run."""
    base: str
    """The base image of a service, by its digest; empty for any other image."""
    env: tuple[tuple[str, str], ...]
    """The environment of a service."""
    waivers: str
    """The digest of all waivers that match the image; empty if none do."""


@cache
def suite_digest(profile: Profile, options: ResolvedOptions, own_checks: Path | None = None) -> str:
    """Return ``sha256:hex`` over certify, its checks, a profile, the options and own checks."""
    parts = {
        "certify": package_digest(Path(str(resources.files("certify")))),
        "checks": _digest_of_checks(suite_directory()),
        "own_checks": _digest_of_checks(own_checks) if own_checks else None,
        "profile": profile.digest(),
        "options": asdict(options),
    }
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


@cache
def package_digest(package: Path) -> str:
    """Return a digest over the files of certify that launch, run and judge."""
    files = [path for room in PACKAGES for path in package.joinpath(room).rglob("*")]
    return _digest_of(files + [package / name for name in SHARED], package)


def _digest_of_checks(directory: Path) -> str:
    files = (path for path in directory.rglob("*") if path.suffix in SOURCES)
    return _digest_of(files, directory)


def _digest_of(paths: Iterable[Path], directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        relative = path.relative_to(directory)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        content = path.read_bytes()
        digest.update(f"{relative} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
