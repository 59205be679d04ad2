"""Profiles of a test's own: quick ones where it is not the checks that are tested."""

from __future__ import annotations

from pathlib import Path

HEAD = 'title = "Mine"\ndescription = "Ours"\nsource = "Handbook"\n'
# Debian is certified by it, BusyBox and an empty image are rejected, none fetches a package.
QUICK = ('launch = "idle"', 'required = ["image.os", "packages.manager"]')


def mine(folder: Path, *lines: str, name: str = "mine") -> str:
    """Write a profile; return its path."""
    path = folder / f"{name}.toml"
    path.write_text(f'name = "{name}"\n{HEAD}' + "".join(f"{line}\n" for line in lines), "utf-8")
    return str(path)


def quick(folder: Path) -> str:
    """Write the quick profile; return its path."""
    return mine(folder, *QUICK, name="quick")
