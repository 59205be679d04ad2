"""A sweep as a process of its own, with stand-ins for registry and certifications.

Plan, scheduler, claims, recorder and ledger are the real ones. A certification writes a line to
``ran`` in the folder when it begins, and takes so many seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click

from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.cli.sweep_progress import SweepProgress
from certify.engine.client import Engine
from certify.engine.reaper import is_orphan, owner
from certify.judge.profiles import load
from certify.ledger.store import Ledger
from certify.model.reference import Reference
from certify.model.result import Image, Result, Suite
from certify.publish.recorder import Recorder
from certify.sweep import scheduler, sweep
from certify.sweep.expand import ListedImage
from certify.sweep.plan import ResolvedImage
from certify.sweep.results import Record
from certify.sweep.scheduler import Capacity, Scheduler
from certify.sweep.sweep import Sweep
from certify.sweep.units import Unit
from tests.factories import HOST, a_result, digest
from tests.support.forks import FORKS

PLATFORM = "linux/amd64"
ENGINE = cast(Engine, SimpleNamespace(platform=PLATFORM, host=lambda: HOST))


class Registry:
    """Stands in for registries: the tag of an image is its number."""

    def __init__(self, *_: object) -> None:
        pass

    def resolve(
        self, images: Sequence[ListedImage], _: object
    ) -> tuple[list[ResolvedImage], dict[str, int]]:
        return [
            ResolvedImage(
                each.reference.familiar, "plain", PLATFORM, digest(int(str(each.reference.tag))),
                suite="1",
            )
            for each in images
        ], {}  # fmt: skip


class Cache:
    """Stands in for the images of an engine."""

    def __init__(self, *_: object) -> None:
        pass

    def fetch(self, reference: Reference, _: str) -> Image:
        return Image(reference=reference.familiar)

    def release(self, _: Image) -> None:
        pass

    def has_room(self) -> bool:
        return True

    def clear(self) -> None:
        pass


class Leader:
    """A sweep of a list as a process, which has begun."""

    def __init__(
        self, url: str, listing: str, folder: Path, images: Iterable[int], *, seconds: float = 0.02
    ) -> None:
        self._out, self._err = folder / f"{listing}.out", folder / f"{listing}.err"
        words = (url, listing, folder, seconds, list(images), self._out, self._err)
        self._process = FORKS.Process(target=_sweep, args=words, daemon=True)
        self._process.start()

    @property
    def told(self) -> str:
        """What it has written to standard error."""
        return self._err.read_text() if self._err.exists() else ""

    def ended(self) -> tuple[str, str]:
        """What it printed, once it has ended well."""
        self._process.join(60)
        assert self._process.exitcode == 0, self.told
        return self._out.read_text(), self.told

    def kill(self) -> None:
        """End it at once, and wait until it has."""
        self._process.kill()
        self._process.join()


def _sweep(
    url: str, listing: str, folder: Path, seconds: float, numbers: list[int], out: Path, err: Path
) -> None:
    """Sweep images of these numbers, and print how many results there are, and whose."""
    for number, file in ((1, out), (2, err)):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), number)

    def certify(_engine: object, unit: Unit, *_: object) -> list[Result]:
        with (folder / "ran").open("a") as file:
            file.write(f"{os.getpid()} {unit.reference.digest}\n")
        time.sleep(seconds)
        image = unit.name.image_fields | {
            "digest": unit.reference.digest, "image_id": unit.reference.digest,
            "platform": PLATFORM,
        }  # fmt: skip
        return [
            a_result(
                image=image, profile="plain", moment=datetime.now(UTC), host=HOST,
                suite=Suite(version="1", digest="1"),
            )
        ]  # fmt: skip

    def on_host(engine: Engine, how: Options, record: Record) -> Scheduler:
        return Scheduler(engine, how, Capacity(2, 0), progress.events, record)

    stand_ins: dict[str, Any] = {
        "certify_unit": certify, "ImageCache": Cache, "measure_host": lambda _: None,
    }  # fmt: skip
    vars(scheduler).update(stand_ins)
    vars(sweep)["Resolver"] = Registry
    images = [ListedImage(Reference.parse(f"r.example/app:{each}")) for each in numbers]
    with (
        Ledger.open(url) as ledger,
        Recorder(ledger, folder / listing) as recorder,
        ledger.sweeps.running(listing, owner(), is_orphan) as number,
    ):
        sweeping = Sweep(Engines(ENGINE), recorder, {"plain": load("plain")}, Options())
        plan = sweeping.plan(images, ["plain"], force=False)
        with SweepProgress(plan.due) as progress:
            new = sweeping.run(plan, on_host, number, progress)
        end = sweeping.finish(plan.keys, new, [], number, listing)
        assert not recorder.errors, recorder.errors
    click.echo(f"{len(end.results)} results, {len(new)} new, {end.elsewhere} elsewhere")
