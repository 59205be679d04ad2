"""What it means that the engine refuses to start something: from its words to whose fault it is."""

from __future__ import annotations

import re

from certify.judge.diagnosis import diagnose
from certify.model.errors import LaunchRefused
from certify.model.terms import Fault
from certify.util.text import one_line

DENIED = "permission denied"
"""The one sign that a host can give as well: where SELinux or a mount forbids all programs."""
# The runtime names the program right behind these words (runc and its kin, then crun). What only
# the host has to do with stands elsewhere: a shim, a hook, a namespace that cannot be entered.
_STARTING = r"container (?:process|init)(?: caused)?:? \"?"
_PROGRAM = re.compile(
    rf"{_STARTING}exec:? \\?\"?(?P<runc>[^\"\\:\n]+)|crun: executable file `(?P<crun>[^`\n]+)`"
)
_FOLDER = re.compile(rf'{_STARTING}chdir to cwd \(\\?"')
_NOBODY = re.compile(r"unable to find (?:user|group) .*: no matching entries in (?:passwd|group)")
_SIGNS = (
    "no such file", "not found", "not a directory", "is a directory", "exec format error", DENIED,
)  # fmt: skip


def is_the_images(said: str, program: str, *, as_shipped: bool = False) -> bool:
    """Whether a refusal to start a program of an image is for what the image itself holds.

    Where it is started ``as_shipped``, its user and its working directory count too. Where
    :data:`DENIED` is said, that is so only on a host that starts other programs.
    """
    if as_shipped and _NOBODY.search(said):
        return True
    if "hook" in said or not any(sign in said.lower() for sign in _SIGNS):
        return False
    named = _PROGRAM.search(said)
    if named:
        return program in (named["runc"], named["crun"])
    return as_shipped and _FOLDER.search(said) is not None


def refusal(said: str, what: str = "the container") -> LaunchRefused:
    """What it means that the engine would not create or start something, from what it said."""
    diagnosis = diagnose(said, where="launch")
    return LaunchRefused(
        f"The engine refused to start {what}: {diagnosis.cause if diagnosis else one_line(said)}",
        remedy=diagnosis.remedy
        if diagnosis
        else "`certify run --isolation` offers other launches; the engine's own log says more.",
        fault=diagnosis.fault if diagnosis and diagnosis.fault is not Fault.IMAGE else Fault.HOST,
        evidence=said,
    )
