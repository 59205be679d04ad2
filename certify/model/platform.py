"""Platforms in the notation of registries: ``OS/ARCH`` or ``OS/ARCH/VARIANT``."""

from __future__ import annotations

import platform
import re

PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9.]+)?")
"""The pattern that a whole platform must match."""

ALL = "all"
"""The word for every platform of an index, in place of one platform."""

ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i386": "386",
    "i686": "386",
}
"""Names of architectures in OCI (those of Go), by the output of ``uname -m``."""


def host_platform() -> str:
    """Return the platform whose images run on this host without emulation."""
    machine = platform.machine()
    return f"linux/{ARCHITECTURES.get(machine, machine)}"


def normalize_platform(platform: str) -> str:
    """Return the normal form of a platform, as containerd defines it.

    It omits ``v8`` of arm64 and ``v1`` of amd64, which are the defaults; arm alone means ``v7``.
    """
    platform = platform.lower()
    return _NORMAL.get(platform, platform)


_NORMAL = {
    "linux/arm64/v8": "linux/arm64",
    "linux/amd64/v1": "linux/amd64",
    "linux/arm": "linux/arm/v7",
}
