"""Nothing of certify's is left behind: labels that tell what is ours, and whose.

Every object that certify creates on an engine carries :data:`RUN` and :data:`OWNER`.
The owner names a process; while it lives its objects are in use, and once it is
gone they are orphans, which :func:`orphans` finds and ``certify clean`` removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from certify.engine.client import APIError, Engine, answering
from certify.model.errors import EngineUnavailable
from certify.util.signals import shielded

LABEL = "certify"
"""What an object is for: ``candidate``, or :data:`PROBE`."""
PROBE = "probe"
"""Only images that say so are removed: what a person commits from a container inherits labels."""
RUN = "certify.run"
OWNER = "certify.owner"
_PAUSE = 0.1
_UNKNOWN = "unknown"  # a system without /proc: who lives there cannot be told


def new_run() -> str:
    """A name for one launch, unlike any other."""
    return secrets.token_hex(6)


def _start_time(pid: int) -> str | None:
    """When a process of this machine started, in clock ticks since boot; null if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]  # field 22 of proc_pid_stat(5)


def _machine() -> str:
    """Where process numbers mean what they mean here: this boot, and this PID namespace.

    Two containers that share an engine, as CI jobs do, have the same boot and other processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return _UNKNOWN


def owner() -> str:
    """This process, as it is written on everything that it creates."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_start_time(pid)}"


def owner_in_short() -> str:
    """This process in the name of a file: ``MACHINE-PID-START``, for :func:`is_gone`."""
    _, pid, start = owner().split("/")
    return f"{_short(_machine())}-{pid}-{start}"


def is_orphan(owner_label: str) -> bool | None:
    """Whether the process that created an object is gone; null if it ran on another machine."""
    machine, _, process = owner_label.partition("/")
    pid, _, started = process.partition("/")
    return is_gone(_short(machine), pid, started)


def is_gone(machine: str, pid: str, started: str) -> bool | None:
    """Whether a process has ended; null if it ran on another machine, or hides from this user."""
    if machine != _short(_machine()) or machine == _short(_UNKNOWN):
        return None
    if not pid.isdigit():
        return True
    now = _start_time(int(pid))
    return None if now is None and _hides(int(pid)) else now != started


def _hides(pid: int) -> bool:
    """Whether there is a process of which /proc shows nothing (its option ``hidepid``)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False


def _short(machine: str) -> str:
    return hashlib.sha256(machine.encode()).hexdigest()[:12]


def labels(run: str, image: str) -> dict[str, str]:
    """The labels of everything that one launch creates."""
    return {LABEL: "candidate", RUN: run, OWNER: owner(), "certify.image": image}


def remove_run(engine: Engine, run: str, *, seconds: float = 10.0) -> None:
    """Remove all that one launch created; an engine that is gone leaves it to ``certify clean``.

    What the engine refuses to remove is tried again for so many seconds: it does so while it is
    still busy with what an interruption broke off, such as starting a container. A signal that
    comes meanwhile waits.
    """
    deadline = time.monotonic() + seconds
    with shielded(), contextlib.suppress(EngineUnavailable):
        engine.ping()  # one that hangs is not waited for as long as an answer may take
        while _remove(engine, lambda labels: labels.get(RUN) == run).refused:
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE)


def remove_orphans(engine: Engine, *, everything: bool = False) -> int:
    """Remove what processes that are gone left behind; how many objects that was.

    ``everything`` also takes what other machines and living processes created. What the engine
    refuses stays. Raises :class:`EngineUnavailable`.
    """

    def ours(labels: Mapping[str, str]) -> bool:
        return everything or is_orphan(labels.get(OWNER, "")) is True

    return _remove(engine, ours).removed


class _Outcome(NamedTuple):
    removed: int
    refused: int


_Kind = tuple[Callable[[], Iterable[Mapping[str, Any]]], str, Callable[[str], object]]
"""How objects of a kind are listed, by what each goes, and how it is removed."""


def _remove(engine: Engine, wanted: Callable[[Mapping[str, str]], bool]) -> _Outcome:
    """Remove certify's own objects that are wanted, each whether or not the one before failed."""
    api = engine.client.api
    ours = {"label": RUN}
    # Images last, for one that a container was made of cannot be removed before it.
    kinds: tuple[_Kind, ...] = (
        (partial(api.containers, all=True, filters=ours), "Id",
         partial(api.remove_container, v=True, force=True)),
        (lambda: api.volumes(filters=ours)["Volumes"] or (), "Name",
         partial(api.remove_volume, force=True)),
        (partial(api.networks, filters=ours), "Id", api.remove_network),
        (partial(api.images, filters={"label": [RUN, f"{LABEL}={PROBE}"]}), "Id",
         partial(api.remove_image, force=True)),
    )  # fmt: skip
    removed = refused = 0
    with answering():
        for listed, name, remove in kinds:
            try:
                found = [each for each in listed() if wanted(each["Labels"] or {})]
            except APIError:
                found, refused = [], refused + 1
            for each in found:
                try:
                    remove(each[name])
                    removed += 1
                except APIError:
                    refused += 1
    return _Outcome(removed, refused)
