"""The inventory of an image: what can have changed when its tag moved, small enough to keep.

It is kept compressed with each result. Everything in it was printed by the image, so it is cut to
bounds and made harmless when it is read here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from certify.util import packing
from certify.util.text import one_line

MARK = "@@"
"""The beginning of the line before each section of the text that the image printed."""
KINDS = ("package", "unit", "user", "os", "env", "port", "config")
_MOST, _NAME, _VALUE, _UNPACKED = 20_000, 120, 200, 8 * 1024**2
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH", re.IGNORECASE)
_APK = re.compile(r"(.+)-(\d[^-]*(?:-r\d+)?)")
"""A package of Alpine; a virtual one (``apk add --virtual``) has no revision."""

Inventory = dict[str, dict[str, str]]
"""For each kind, the value of each name, such as the version of a package."""


class Difference(NamedTuple):
    """One thing that differs between two inventories."""

    kind: str
    name: str
    before: str | None
    """The value before; None if it was not there."""
    after: str | None

    def __str__(self) -> str:
        """Return it as ``package curl 7.88 → 8.5``, on one line."""
        what = f"{self.kind} {self.name}"
        if self.before is None:
            return f"{what} {self.after or ''}".rstrip() + " (new)"
        if self.after is None:
            return f"{what} {self.before}".rstrip() + " (gone)"
        return f"{what} {self.before} → {self.after}"


def parse_inventory(text: str, config: Mapping[str, Any]) -> Inventory:
    """Return the inventory from what an image printed, and from its configuration.

    Values of variables that look like secrets are replaced by the beginning of their hash.
    """
    found: Inventory = {kind: {} for kind in KINDS}
    kind = ""
    for line in text.splitlines()[: 4 * _MOST]:
        if line.startswith(MARK):
            kind = line.removeprefix(MARK)
        elif parser := _PARSERS.get(kind):
            name, value = parser(line)
            if kind == "package" and (others := found[kind].get(name)):  # as of kernels and keys
                value = ", ".join(sorted({*others.split(", "), value}))
            _add(found[kind], name, value)
    for each in config.get("Env") or ():
        name, _, value = str(each).partition("=")
        if _SECRET.search(name):
            value = f"(hidden, {hashlib.sha256(value.encode()).hexdigest()[:8]})"
        _add(found["env"], name, value)
    for each in config.get("ExposedPorts") or ():
        _add(found["port"], str(each), "")
    for key in ("Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "Volumes"):
        if setting := config.get(key):
            shown = setting if isinstance(setting, str) else json.dumps(setting)
            _add(found["config"], key, shown)
    return found


def _add(values: dict[str, str], name: str, value: str) -> None:
    if name and len(values) < _MOST:
        values[one_line(name, _NAME)] = one_line(value, _VALUE)


def _package(line: str) -> tuple[str, str]:
    name, _, version = line.strip().partition(" ")
    version, _, state = version.partition(" ")
    if not version and (apk := _APK.fullmatch(name)):
        return apk[1], apk[2]
    return ("", "") if state not in ("", "installed") or not version else (name, version)


def _os(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    return (name, value.strip("\"'")) if equals and not name.startswith("#") else ("", "")


def _user(line: str) -> tuple[str, str]:
    name, _, rest = line.partition(" ")
    return name, rest


_PARSERS: dict[str, Callable[[str], tuple[str, str]]] = {
    "package": _package, "os": _os, "user": _user, "unit": lambda line: (line, "enabled"),
}  # fmt: skip


def differences(before: Inventory, after: Inventory) -> list[Difference]:
    """Return all that differs, by kind and name."""
    found = []
    for kind in KINDS:
        old, new = before.get(kind, {}), after.get(kind, {})
        found += [
            Difference(kind, name, old.get(name), new.get(name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
    return found


def pack(inventory: Inventory) -> str:
    """Return an inventory as text that a result can keep: compressed JSON in base64."""
    return packing.pack(json.dumps(inventory, sort_keys=True, separators=(",", ":")), 9)


def unpack(text: str | None) -> Inventory | None:
    """Return the inventory that was packed; None for nothing, or for what nobody packed."""
    try:
        found = json.loads(packing.unpack(text or "", _UNPACKED))
    except (ValueError, RecursionError):
        return None
    fits = isinstance(found, dict) and all(isinstance(each, dict) for each in found.values())
    return {
        str(kind): {one_line(str(n), _NAME): one_line(str(v), _VALUE) for n, v in values.items()}
        for kind, values in found.items()
    } if fits else None  # fmt: skip
