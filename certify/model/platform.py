"""Platforms as registries write them: ``OS/ARCH`` or ``OS/ARCH/VARIANT``."""

from __future__ import annotations

import platform
import re

PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")
"""What a person may write for one, as a whole."""

# Go's names of architectures, which OCI uses, for what `uname -m` says.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i386": "386",
    "i686": "386",
}


def of_this_host() -> str:
    """The platform whose images run here without emulation."""
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, machine)}"


def normal(platform: str) -> str:
    """The one way to write a platform of which there are several, as containerd chooses it.

    Every arm64 is ``v8`` and every amd64 ``v1``, so neither is written; arm alone means ``v7``.
    """
    platform = platform.lower()
    return _NORMAL.get(platform, platform)


_NORMAL = {
    "linux/arm64/v8": "linux/arm64",
    "linux/amd64/v1": "linux/amd64",
    "linux/arm": "linux/arm/v7",
}
