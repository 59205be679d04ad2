"""Removes everything that certify created on an engine.

Every such object is named for its run, and carries the labels :data:`RUN` and :data:`OWNER`. The
owner is a process. While it lives, its objects are in use; after its end they are orphans, which
the next run or ``certify clean`` removes. If an owner cannot be looked up (in another container, or
before a reboot), they are orphans once the time of the label :data:`UNTIL` has passed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from certify.engine import firewall
from certify.engine.client import Engine
from certify.engine.errors import APIError, ImageNotFound, translate_errors
from certify.model.errors import EngineUnavailable
from certify.util.signals import defer_signals

LABEL = "certify"
"""Label for the purpose of an object: ``candidate``, or :data:`PROBE`."""
PROBE = "probe"
"""Purpose of certify's own program; only such images are removed."""
PROBES = "certify-probe"
"""The repository of such images."""
RUN = "certify.run"
OWNER = "certify.owner"
UNTIL = "certify.until"
"""Label for the time after which no run can still use an object, in seconds since 1970; without a
time if a person asked to keep it."""
LEASE = 7200.0
"""Seconds for which an object is in use unless its launch says otherwise."""
_NAME = re.compile(
    r"/?(?:localhost/|docker\.io/library/)?certify-(?:probe:)?([0-9a-f]{12})(?:-[0-9a-f]{4})?"
)
_OWNER = re.compile(r"[^/]+/\d+/\w+")
_PAUSE = 0.1
_UNKNOWN = "unknown"  # a system without /proc, where no process can be looked up


def new_run_id() -> str:
    """Return a new, unique name for one launch."""
    return secrets.token_hex(6)


def _start_time(pid: int) -> str | None:
    """Return a process's start in clock ticks since boot, or None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # from field 3 of proc_pid_stat(5) on
    return None if fields[0] in "ZX" else fields[19]  # the dead stay until their parent asks


def _machine() -> str:
    """Return the scope of process numbers: this boot, and this PID namespace.

    Two containers that share an engine, as CI jobs do, have one boot, but different processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return _UNKNOWN


def owner() -> str:
    """Return this process as the value of the label :data:`OWNER`."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_start_time(pid)}"


def short_owner() -> str:
    """Return this process as ``MACHINE-PID-START``, for file names and :func:`is_gone`."""
    _, pid, start = owner().split("/")
    return f"{_short(_machine())}-{pid}-{start}"


def is_orphan(owner_label: str) -> bool | None:
    """Return True if an object's owner has ended, or None if it ran on another machine."""
    machine, _, process = owner_label.partition("/")
    pid, _, started = process.partition("/")
    return is_gone(_short(machine), pid, started)


def is_gone(machine: str, pid: str, started: str) -> bool | None:
    """Return True if a process has ended, or None if it is of another machine, or hidden."""
    if machine != _short(_machine()) or machine == _short(_UNKNOWN):
        return None
    if not pid.isdigit():
        return True
    now = _start_time(int(pid))
    return None if now is None and _is_hidden(int(pid)) else now != started


def _is_hidden(pid: int) -> bool:
    """Return True if a process exists, but /proc hides it from this user (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return False


def _short(machine: str) -> str:
    return hashlib.sha256(machine.encode()).hexdigest()[:12]


def labels(
    run: str, image: str, purpose: str = "candidate", *, lease: float | None = LEASE
) -> dict[str, str]:
    """Return the labels of all objects of one launch, which are kept if they have no ``lease``."""
    until = "" if lease is None else f"{time.time() + lease:.0f}"
    named = {LABEL: purpose, RUN: run, OWNER: owner(), "certify.image": image}
    return named | {UNTIL: until}


def another_name(run: str) -> str:
    """Return a name for one more object of a run; the candidate itself is ``certify-RUN``."""
    return f"certify-{run}-{secrets.token_hex(2)}"


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    return found["Labels"] or {}


def _is_ours(found: Mapping[str, Any]) -> bool:
    """Return True if an object that the engine lists is named and labelled as certify does it.

    What a person makes of a candidate, or what an image says of itself, has the labels alone.
    """
    labels = _labels(found)
    names = found.get("Names") or found.get("RepoTags") or [found.get("Name", "")]
    runs = {match[1] if (match := _NAME.fullmatch(name)) else None for name in names}
    return runs == {labels.get(RUN)} and bool(_OWNER.fullmatch(labels.get(OWNER, "")))


def remove_run(
    engine: Engine, run: str, containers: Collection[str] = (), *, seconds: float = 10.0
) -> None:
    """Remove all objects of one launch; if the engine is gone, leave them to ``certify clean``.

    Of its ``containers``, by their ids, those that were renamed are removed, too.
    A refused removal is tried again for so many seconds: an engine that was interrupted may still
    be busy, for example with starting the container. Signals wait until the end.
    """
    deadline = time.monotonic() + seconds
    with defer_signals(), contextlib.suppress(EngineUnavailable):

        def ours(found: Mapping[str, Any]) -> bool:
            return _labels(found).get(RUN) == run and (
                found.get("Id") in containers or _is_ours(found)
            )

        engine.ping()  # an engine that hangs is found out sooner than by a removal
        while _remove(engine, ours, partial(_probes_of, engine, run)).refused:
            if time.monotonic() > deadline:
                return
            time.sleep(_PAUSE)


def remove_orphans(
    engine: Engine,
    *,
    kept: bool = False,
    everything: bool = False,
    images: Sequence[Mapping[str, Any]] | None = None,
) -> int:
    """Remove the objects of processes that have ended; return the number of objects.

    ``kept`` includes what a person asked to keep, ``everything`` also the objects of living
    processes and of other machines. ``images`` are all of the engine, if they are listed already.
    An object that the engine refuses to remove stays. Rules of this host's firewall go, too, but
    are not counted. Raises :class:`EngineUnavailable`.
    """

    def ours(found: Mapping[str, Any]) -> bool:
        return (everything or _is_over(_labels(found), kept=kept)) and _is_ours(found)

    def probes(_of: Collection[str]) -> Iterable[Mapping[str, Any]]:
        if images is not None:
            return (each for each in images if _labels(each).get(LABEL) == PROBE)
        # By one label: Podman 4.3 finds nothing by two of which only one has a value.
        filters = {"label": f"{LABEL}={PROBE}"}
        return cast(Iterable[Mapping[str, Any]], engine.client.api.images(filters=filters))

    removed = _remove(engine, ours, probes).removed
    firewall.tidy()  # also where no network is left: rules that could not be removed with theirs
    return removed


def _is_over(labels: Mapping[str, str], *, kept: bool) -> bool:
    """Return True if nobody uses an object any more, by its labels."""
    until = labels.get(UNTIL)
    if until == "" and not kept:
        return False
    gone = is_orphan(labels.get(OWNER, ""))
    return bool(until and until.isdigit() and int(until) < time.time()) if gone is None else gone


class _Outcome(NamedTuple):
    removed: int
    refused: int


_Kind = tuple[Callable[[], Iterable[Mapping[str, Any]]], str, Callable[[str], object]]
"""A kind of object: a function that lists it, the key of its id, a function that removes it."""


def _probes_of(engine: Engine, run: str, used: Collection[str]) -> Iterable[Mapping[str, Any]]:
    """Return the probe image of a run, and those that its containers used.

    An engine that lists its images goes through all of them, which takes some time for each.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name in (f"{PROBES}:{run}", *used):
        with contextlib.suppress(ImageNotFound):
            image = engine.client.images.get(name).attrs
            found[image["Id"]] = image | {"Labels": image["Config"]["Labels"]}
    return found.values()


def _remove(
    engine: Engine,
    matches: Callable[[Mapping[str, Any]], bool],
    probes: Callable[[Collection[str]], Iterable[Mapping[str, Any]]],
) -> _Outcome:
    """Remove the objects that match; go on after a failure.

    ``probes`` returns probe images; it gets the ids of those that the containers used.
    """
    api = engine.client.api
    ours = {"label": RUN}
    used: set[str] = set()

    # Images last: an image cannot be removed before its containers.
    kinds: tuple[_Kind, ...] = (
        (partial(api.containers, all=True, filters=ours), "Id",
         partial(api.remove_container, v=True, force=True)),
        (lambda: api.volumes(filters=ours)["Volumes"] or (), "Name",
         partial(api.remove_volume, force=True)),
        (partial(api.networks, filters=ours), "Id", api.remove_network),
        (lambda: probes(used), "Id", partial(api.remove_image, force=True)),
    )  # fmt: skip
    removed = refused = 0
    with translate_errors():
        for listed, name, remove in kinds:
            try:
                found = [each for each in listed() if matches(each)]
            except APIError:
                found, refused = [], refused + 1
            used |= {
                each["ImageID"]
                for each in found
                if "ImageID" in each and _labels(each).get(LABEL) == PROBE
            }
            for each in found:
                try:
                    remove(each[name])
                    removed += 1
                except APIError:
                    refused += 1
            if found and remove == api.remove_network:
                firewall.tidy()
    return _Outcome(removed, refused)
