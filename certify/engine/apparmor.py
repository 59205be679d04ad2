"""The AppArmor profile of candidates that boot: what level ``apparmor`` adds to ``caps``.

certify's rules are in ``apparmor.profile``; docs/security.md says what they refuse. Where certify
may, it loads them into the kernel itself.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from functools import cache
from importlib import resources
from itertools import combinations, product
from pathlib import Path

from certify.util.text import one_line

NEW_MOUNTS = ("fsconfig", "fsmount", "fsopen", "fspick", "move_mount", "open_tree")
"""System calls that mount without asking AppArmor; programs that lack them use mount(2)."""
_RIGHTS = ("nosuid", "nodev", "noexec")
_LOADED = Path("/sys/kernel/security/apparmor/policy/profiles")
_PARSER = "apparmor_parser"
_FOLDERS = ":/usr/sbin:/sbin"  # which a root shell made by `su` does not look in
_SECONDS = 120.0
_lock = threading.Lock()
_given_up: list[str] = []


@cache
def _rules() -> str:
    """Return the profile but for its name."""
    text = resources.files("certify.engine").joinpath("apparmor.profile").read_text("utf-8")
    access, times = ("ro", "rw"), ("", "noatime", "relatime", "noatime, nodiratime", "strictatime")
    rights = [", ".join(each) for n in range(4) for each in combinations(_RIGHTS, n)]
    remounts = (
        f"mount options=({', '.join(filter(None, each))}),"
        for each in product(access, rights, times, ("remount", "remount, bind"))
    )
    return text.replace("{remounts}", "\n  ".join(remounts))


@cache
def profile_name() -> str:
    """Return the name of the profile; other rules have another name, so none is mistaken."""
    return f"certify-candidate-{hashlib.sha256(_rules().encode()).hexdigest()[:12]}"


def profile_text() -> str:
    """Return the profile, as apparmor_parser(8) reads it."""
    return _rules().replace("{name}", profile_name())


def why_unused() -> str:
    """Have the kernel of this machine confine by the profile; return the reason if it does not.

    Root loads it where it is missing. It is tried once in a process.
    """
    with _lock:
        return _given_up[0] if _given_up else _why_missing()


def give_up(refusal: str) -> bool:
    """Use the profile no more in this process if an engine refused to launch because of it.

    Returns False if the message is about something else.
    """
    if found := "apparmor" in refusal.lower():
        _given_up.append(f"the engine refused it: {one_line(refusal, limit=120)}")
    return found


@cache
def _why_missing() -> str:
    mode = _mode()
    if mode and mode != "enforce":
        return f"somebody has set it to {mode}"
    return "" if mode else _why_not_loaded() or ("" if _mode() else "the kernel does not have it")


def _mode() -> str:
    """Return the mode of the loaded profile: ``enforce``, ``complain``; empty if there is none."""
    try:
        found = [p for p in _LOADED.iterdir() if p.name.rpartition(".")[0] == profile_name()]
        return found[0].joinpath("mode").read_text("ascii").strip() if found else ""
    except OSError:
        return ""


def _why_not_loaded() -> str:
    """Load the profile; return the reason if that is not possible."""
    if os.geteuid() != 0:
        return "certify does not run as root"
    program = shutil.which(_PARSER, path=os.environ.get("PATH", "") + _FOLDERS)
    if program is None:
        return f"there is no {_PARSER}"
    try:
        ended = subprocess.run(
            [program, "--replace", "--skip-cache"], input=profile_text(),
            capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"{_PARSER} did not run: {one_line(str(error), limit=120)}"
    if ended.returncode != 0:
        said = (ended.stderr.strip() or f"exit code {ended.returncode}").splitlines()[-1]
        return f"{_PARSER} failed: {one_line(said, limit=120)}"
    return ""
