"""Watches what a candidate writes to the engine's disk, which no engine limits by itself."""

from __future__ import annotations

import time

from rich.filesize import decimal

from certify.engine.client import Engine
from certify.engine.disk_space import MAKE_ROOM, free_bytes, reserve_of, too_little
from certify.engine.errors import APIError, translate_errors
from certify.engine.unlinked_files import unlinked_bytes
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.finding import Finding
from certify.model.terms import Fault, Outcome

_PAUSE = 5.0
"""Seconds between two measurements; the engine adds up files, and that takes a while."""
_PAUSE_REMOTE = 60.0


class TooMuchWritten(Exception):
    """Raised because a candidate has written more than it may."""

    def __init__(self, written: int, limit: int) -> None:
        super().__init__(
            f"it had written {decimal(written)} to the engine's disk when it was stopped; "
            f"{decimal(limit)} are allowed"
        )

    def finding(self, check: str) -> Finding:
        """Return the failure of the check for which the candidate must stay up."""
        return Finding(
            id=check, outcome=Outcome.FAILED, fault=Fault.IMAGE, message=str(self),
            remedy="Find out what fills the disk at launch; --disk-limit allows more.",
        )  # fmt: skip


class DiskWatch:
    """The files that one container has written, held against a limit."""

    def __init__(self, engine: Engine, container: str, limit: int) -> None:
        """Watch a container by its id; ``limit`` is in bytes."""
        self._engine = engine
        self._container = container
        self._limit = limit
        self._free = self._free_now()
        self._reserve = reserve_of(self._free)
        self._measured = time.monotonic()

    def require(self) -> None:
        """Raise :class:`TooMuchWritten` if the limit is exceeded.

        On this machine the engine is asked only once its disk has lost that much, to whomever, or
        little is left. Raises :class:`Trouble` if nothing but the reserve is left, of which the
        candidate took no more than it may.
        """
        free = self._free_now()
        if free is not None:
            self._free = max(self._free or 0, free)
            if self._free - free < self._limit and free > self._reserve:
                return
        now = time.monotonic()
        if now - self._measured < (_PAUSE_REMOTE if free is None else _PAUSE):
            return
        self._measured = now
        written = written_bytes(self._engine, self._container)
        if written is not None and written > self._limit:
            raise TooMuchWritten(written, self._limit)
        if free is not None and free <= self._reserve:
            raise self._nothing_left(free, written)

    def _nothing_left(self, free: int, written: int | None) -> Trouble:
        """Return the error for the end of the host's room before the candidate's limit.

        A host with more room would have let the image go on, so nothing is held against it.
        """
        problems = [too_little("the candidate was stopped", free, self._reserve)]
        remedy, most = MAKE_ROOM, self._free or 0
        if written is not None:
            problems.append(
                f"of the {decimal(most - free)} that went it had written {decimal(written)}"
            )
        if most < self._limit + self._reserve:
            problems.append(f"the {decimal(self._limit)} that are allowed were never free")
            remedy += " Or lower --disk-limit; what writes more is then rejected."
        return Trouble("; ".join(problems), remedy=remedy)

    def _free_now(self) -> int | None:
        return free_bytes(self._engine.info, local=self._engine.local)


def written_bytes(engine: Engine, container: str) -> int | None:
    """Return what a container has written to its root and its volumes, or None if nobody knows.

    On this machine, files without a name that it holds open count, too.
    """
    try:
        with translate_errors():
            used = engine.client.api.df()
            mounts = engine.client.api.inspect_container(container)["Mounts"]
    except (APIError, EngineUnavailable):  # an older engine adds up for one client at a time
        return None
    names = {each.get("Name") for each in mounts}
    volumes = [each for each in used.get("Volumes") or () if each["Name"] in names]
    sizes = [each.get("SizeRw") or 0 for each in used["Containers"] if each["Id"] == container]
    sizes += [max(0, (each.get("UsageData") or {}).get("Size", 0)) for each in volumes]
    if engine.local:
        sizes.append(unlinked_bytes(container, str(engine.info.get("DockerRootDir") or "")))
    return sum(sizes)
