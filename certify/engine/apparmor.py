"""The AppArmor profile of candidates that boot: what level ``apparmor`` adds to ``caps``.

certify's rules are in ``apparmor.profile``; docs/security.md says what they refuse.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import combinations, product
from pathlib import Path

PROFILE = "certify-candidate-v1"
"""The name of the profile; its number grows with each change of its rules."""
NEW_MOUNTS = ("fsconfig", "fsmount", "fsopen", "fspick", "move_mount", "open_tree")
"""System calls that mount without asking AppArmor; programs that lack them use mount(2)."""
_RIGHTS = ("nosuid", "nodev", "noexec")
_LOADED = Path("/sys/kernel/security/apparmor/policy/profiles")


def profile_text() -> str:
    """Return the profile, as apparmor_parser(8) reads it."""
    text = resources.files("certify.engine").joinpath("apparmor.profile").read_text("utf-8")
    access, times = ("ro", "rw"), ("", "noatime", "relatime", "noatime, nodiratime", "strictatime")
    rights = [", ".join(each) for n in range(4) for each in combinations(_RIGHTS, n)]
    remounts = (
        f"mount options=({', '.join(filter(None, each))}),"
        for each in product(access, rights, times, ("remount", "remount, bind"))
    )
    return text.replace("{remounts}", "\n  ".join(remounts))


@cache
def is_loaded() -> bool:
    """Return True if the kernel of this machine has the profile, which its administrator loads."""
    try:
        return any(each.name.rpartition(".")[0] == PROFILE for each in _LOADED.iterdir())
    except OSError:
        return False
