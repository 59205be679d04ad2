"""What this environment has installed, as wheels: an index for tests without a network."""

from __future__ import annotations

import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def required_by(*distributions: metadata.Distribution) -> list[metadata.Distribution]:
    """Everything that distributions require, and what that requires, and so on."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [each for one in distributions for each in needs(one, set())]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        found[name] = metadata.distribution(name)
        waiting += needs(found[name], requirement.extras)
    return list(found.values())


def needs(distribution: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    """What a distribution requires here, with these extras of it."""
    declared = [Requirement(line) for line in distribution.requires or ()]
    asked = [{"extra": extra} for extra in ("", *extras)]
    return [
        each
        for each in declared
        if each.marker is None or any(each.marker.evaluate(extra) for extra in asked)
    ]


def repack(distribution: metadata.Distribution, folder: Path) -> None:
    """Make a wheel of the files that one brought when it was installed."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in lines if line.startswith("Tag: ")]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    name = f"{distribution.name.replace('-', '_')}-{distribution.version}-{tag}.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        for file in distribution.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                wheel.write(str(distribution.locate_file(file)), str(file))
