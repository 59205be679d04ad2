"""Folders and programs of an image with a mode or a mount that closes them to its users. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

PROGRAM_FOLDERS = (
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    "/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
)  # fmt: skip
"""Folders of programs, and of the commands that Docker's client takes in."""
PROGRAMS = {
    "dockerd": ("dockerd", "docker"), "sudo": ("sudo",), "bash": ("bash",), "git": ("git",),
    "download": ("curl", "wget"), "user": ("useradd", "adduser"),
}  # fmt: skip
"""The programs of capabilities."""
OPEN_FOLDERS = ("/", "/usr", "/usr/bin", "/usr/lib", "/bin", "/lib", "/lib64", "/etc")
"""Folders that every user must be able to enter, where an image has them."""


def list_not_executable(programs: Sequence[str]) -> str:
    """Return the command that prints the files of some programs that nobody may execute."""
    files = " ".join(f"{folder}/{each}" for each in programs for folder in PROGRAM_FOLDERS)
    return f'for f in {files}; do [ ! -f "$f" ] || [ -x "$f" ] || echo "$f"; done'


def list_modes(folders: Sequence[str]) -> str:
    """Return the command whose output :func:`closed` reads."""
    return f"[ -w /etc ] || echo read-only; ls -ldL {' '.join(folders)} 2>/dev/null"


def closed(printed: str, folders: Sequence[str]) -> tuple[str, str]:
    """Return why users cannot work with the first of some folders that is closed, and the remedy.

    Both are empty if none is closed to all users but root, and /etc is not read-only.
    """
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    modes = {line[-1]: line[0] for line in lines}
    for folder in folders:
        mode = modes.get(folder, "")
        if len(mode) >= 10 and mode[9] not in "xt":
            return (
                f"{folder} in the image is closed to all users but root ({mode})",
                f"Open it at the end of the image's build: chmod 755 {folder}.",
            )
    if "read-only" in modes:
        return (
            "/etc is read-only while the image runs",
            "Find what mounts it so (findmnt /etc, systemctl list-units --type=mount), and remove "
            "that from the image.",
        )
    return "", ""


def mode_for_root_alone(listed: str) -> str:
    """Return the mode and group of a socket that only root may connect to; empty if others may.

    ``listed`` is the line of ``ls -ln``. An access control list (``+``) may let in others.
    """
    found = re.match(r"(s.{9})([+.@]?) +\d+ +\d+ +(\d+) ", listed)
    if found is None or found[2] == "+":
        return ""
    mode, group = found[1], found[3]
    if mode[7:9] == "rw" or (mode[4:6] == "rw" and group != "0"):
        return ""
    return f"{mode}, of the group {'root' if group == '0' else group}"
