"""What changed inside an image between two results, the likely culprits first. Pure.

A guess that is reported as one: a change is likely if it is about what the failed checks are about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from certify.model.inventory import Difference, differences, unpack
from certify.model.result import Result
from certify.model.terms import Outcome, Status

_LIBC = "glibc|libc6|musl"
_ABOUT = {
    "systemd": "systemd|udev|dbus|init|journald|libcap|pam|util-linux|cgroup|default.target",
    "startup": "systemd|udev|dbus|docker|containerd|moby|network|resolved|wait-online|cloud-init",
    "dockerd": "docker|containerd|runc|moby|iptables|nftables|compose|seccomp",
    "packages": "apt|dpkg|gpg|gnupg|keyring|rpm|dnf|yum|zypp|pacman|apk|repo|ca-certificates|curl",
    "workspace.user": "passwd|shadow|adduser|login|pam|busybox",
    "workspace.sudo": "sudo|pam",
    "workspace.bash": "bash|readline",
    "workspace.download": "curl|wget|ca-certificates|openssl|ssl|nghttp|busybox",
    "workspace.git": "git|curl|perl|zlib",
    "services": "supervisor|python|entrypoint|cmd",
    "image": "base-files|release|version|user|path",
}
"""For a group or a check, the names that a change behind its failure is likely to have."""
_KINDS = ("unit", "config", "env", "package", "os", "user", "port")


def ranked(found: Iterable[Difference], failed: Sequence[str]) -> list[Difference]:
    """Return differences, those that the failed checks are likely to depend on first."""
    words = [_ABOUT.get(each) or _ABOUT.get(each.partition(".")[0], "") for each in failed]
    patterns = [re.compile(each, re.IGNORECASE) for each in (*words, _LIBC) if each]

    def key(each: Difference) -> tuple[int, int, int]:
        first = next(
            (rank for rank, known in enumerate(patterns) if known.search(each.name)), len(patterns)
        )
        return first, each.after is not None, _KINDS.index(each.kind)

    return sorted(found, key=key)


class Comparison(NamedTuple):
    """Two results of one reference under one profile, and what changed between them."""

    before: Result
    after: Result
    inside: list[Difference] | None
    """What changed inside the image, likely culprits first; None if nobody knows."""

    @property
    def moved(self) -> bool:
        """True if the reference led to another image."""
        return _identity(self.before) != _identity(self.after)


def compare(results: Sequence[Result]) -> Comparison | None:
    """Compare the newest of some results, given newest first, with the one that explains it.

    For a rejection, that is the last certificate, and for a certificate the last result of another
    image. Inconclusive results say nothing. None if there is nothing to compare.
    """
    clear = [each for each in results if each.verdict.status is not Status.INCONCLUSIVE]
    if not clear:
        return None
    after, *older = clear
    broken = after.verdict.status is Status.REJECTED
    for before in older:
        certified = before.verdict.status is Status.CERTIFIED
        if certified if broken else _identity(before) != _identity(after):
            return Comparison(before, after, _inside(before, after))
    return None


def _inside(before: Result, after: Result) -> list[Difference] | None:
    old, new = unpack(before.inventory), unpack(after.inventory)
    if old is None or new is None:
        return None
    failed = [each.id for each in after.checks if each.outcome is Outcome.FAILED]
    causes = [each.check for each in after.verdict.reasons if each.check]
    return ranked(differences(old, new), list(dict.fromkeys([*causes, *failed])))


def _identity(result: Result) -> str | None:
    return result.image.digest or result.image.image_id


def summarized(inside: Sequence[Difference], most: int = 3) -> str:
    """Return the first few differences in one line; the others are counted."""
    rest = f" and {len(inside) - most} more" if len(inside) > most else ""
    return ", ".join(map(str, inside[:most])) + rest
