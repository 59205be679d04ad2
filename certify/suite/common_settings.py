"""Files of the image that set something for every service, or for containerd, and trials without.

Limits of systemd's own configuration and of slices, and drop-ins for a kind of unit, hinder what no
setting of the unit itself explains.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Run = Callable[..., Any]
SERVICES = (
    "system.conf", "system.conf.d/*.conf", "system/*.slice", "system/*.slice.d/*.conf",
    "system/slice.d/*.conf", "system/service.d/*.conf", "system/socket.d/*.conf",
    "system/containerd.service", "system/containerd.service.d/*.conf",
)  # fmt: skip
"""Places of what is for every service, below /etc/systemd."""
JOURNAL = ("journald.conf", "journald.conf.d/*.conf")
"""Places of the journal's configuration, below /etc/systemd."""
_LIST = "cd /etc/systemd && grep -HE '^[A-Z][A-Za-z]+ *=' {} 2>/dev/null"
_HARMLESS = {"Description", "Documentation", "WantedBy", "Before", "After", "Wants", "Alias"}


def listed(run: Run, places: Sequence[str] = SERVICES) -> dict[str, str]:
    """Return the paths of the candidate's files by what they set: ``LimitAS= in /etc/…``."""
    found: dict[str, dict[str, None]] = {}
    for line in run(_LIST.format(" ".join(places))).stdout.splitlines():
        path, _, setting = line.partition(":")
        name = setting.partition("=")[0].strip()
        if name not in _HARMLESS:
            found.setdefault(f"/etc/systemd/{path}", {})[f"{name}="] = None
    return {f"{', '.join(names)} in {path}": path for path, names in found.items()}


def put_aside(run: Run, files: Mapping[str, str], some: Sequence[str]) -> None:
    """Put some of the files where systemd does not look, and all others back to their places."""
    moves = []
    for each, path in files.items():
        there, aside = shlex.quote(path), shlex.quote(f"{path}.certify")
        source, target = (there, aside) if each in some else (aside, there)
        moves.append(f"[ ! -e {source} ] || mv {source} {target}")
    if moves:
        run(f"{'; '.join(moves)}; systemctl daemon-reload", timeout=30)


def remedy(found: Sequence[str]) -> str:
    """Return the words that tell to remove what was found: ``LimitAS= from /etc/…``."""
    return ", ".join(" from ".join(each.rsplit(" in ", 1)) for each in found)
