"""A registry with many tags, and ledgers of many results, made without any image.

The registry is Debian's; its store is written as it would write it. Results are synthetic, of the
usual size, and made for this host's kind and this version of certify, so that a sweep finds them
valid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, literal, select

from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import load
from certify.ledger.changes import SweepEntry, sweep_entry
from certify.ledger.rows import row_of
from certify.ledger.schema import results_table
from certify.ledger.store import Ledger
from certify.model.host import Host
from certify.model.platform import normalize_platform
from certify.model.result import Image, Result, Suite
from certify.model.terms import Status
from tests.factories import result_of
from tests.support.registries import OCI_MANIFEST, Registry

REPOSITORY = "many/app"
MOMENT = datetime.now(UTC) - timedelta(days=2)
TEMPLATES = 500
"""The number of results that differ in more than their names."""


def write_tags(registry: Registry, count: int) -> None:
    """Write a manifest for each tag into the store of a registry."""
    root = registry.data / "docker/registry/v2"
    for number in range(count):
        manifest = manifest_of(number)
        digest = hashlib.sha256(manifest).hexdigest()
        mine = root / "repositories" / REPOSITORY / "_manifests"
        tag = mine / "tags" / str(number)
        for path, content in (
            (root / "blobs/sha256" / digest[:2] / digest / "data", manifest),
            (mine / "revisions/sha256" / digest / "link", f"sha256:{digest}".encode()),
            (tag / "current/link", f"sha256:{digest}".encode()),
            (tag / "index/sha256" / digest / "link", f"sha256:{digest}".encode()),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def manifest_of(number: int) -> bytes:
    """Return the manifest of a tag."""
    empty = {"digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}", "size": 2}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **empty},
        "layers": [],
        "annotations": {"number": str(number)},
    }
    return json.dumps(manifest).encode()


@cache
def _here() -> tuple[Host, str, Suite]:
    """Return this host, as certificates name it, its engine's platform, and the suite."""
    with Engine.connect() as engine:
        platform = normalize_platform(engine.platform)
        image = Image(reference="registry.example/app:1", platform=platform)
        digest = Options().suite_digest(engine, load("devspace"), image)
        return engine.host(), platform, Suite(version="1", digest=digest)


@cache
def _template(number: int) -> Result:
    result, (host, platform, suite) = result_of(number, MOMENT), _here()
    if result.verdict.status is Status.INCONCLUSIVE:  # a sweep would certify it again
        return _template(number + TEMPLATES)
    image = result.image.model_copy(update={"platform": platform})
    return result.model_copy(update={"image": image, "host": host, "suite": suite})


def results(count: int, registry: str = "registry.example") -> Iterator[Result]:
    """Yield a result for each tag."""
    for number in range(count):
        result = _template(number % TEMPLATES)
        digest = f"sha256:{hashlib.sha256(manifest_of(number)).hexdigest()}"
        named: dict[str, Any] = {
            "reference": f"{registry}/{REPOSITORY}:{number}", "registry": registry,
            "repository": REPOSITORY, "tag": str(number), "digest": digest,
            "manifest_digest": digest, "image_id": digest,
        }  # fmt: skip
        yield result.model_copy(update={"image": result.image.model_copy(update=named)})


def fill(ledger: Ledger, count: int, *, runs: int = 1, registry: str = "registry.example") -> None:
    """Record so many results of each tag, and two sweeps in which one image in 100 differs."""
    made, entries = results(count, registry), list[SweepEntry]()
    number = 0
    while part := list(islice(made, 1_000)):
        rows = [row_of(each) | {"recording": f"r{number + n}"} for n, each in enumerate(part)]
        number += len(rows)
        entries += map(sweep_entry, part)
        with ledger._database.writing() as connection:
            connection.execute(results_table.insert(), rows)
    kept = [c for c in results_table.columns if c.name not in ("id", "recording")]
    for run in range(1, runs):
        again = select(*kept, (results_table.c.recording + literal(f"-{run}"))).where(
            results_table.c.id <= number
        ).order_by(results_table.c.id)  # fmt: skip
        names = [*(c.name for c in kept), "recording"]
        with ledger._database.writing() as connection:
            connection.execute(insert(results_table).from_select(names, again))
    for changed in (False, True):
        sweep = ledger.sweeps.begin("many.txt", "benchmark/1/1", lambda _: True)
        if changed:
            entries[::100] = [_changed(each) for each in entries[::100]]
        ledger.sweeps.finish(sweep, entries)
        ledger.sweeps.abandon(sweep)
    with ledger._database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(results_table)) == count * runs


def record_again(ledger: Ledger, count: int) -> None:
    """Record a new result for one image in 100."""
    for each in islice(results(count), 0, count, 100):
        moments = {name: getattr(each, name) + timedelta(days=1) for name in _MOMENTS}
        ledger.record(each.model_copy(update=moments))


_MOMENTS = ("started_at", "finished_at", "expires_at")


def _changed(entry: SweepEntry) -> SweepEntry:
    bad = entry.status is not Status.CERTIFIED
    return SweepEntry(
        entry.reference, entry.platform, entry.profile, entry.identity,
        Status.CERTIFIED if bad else Status.REJECTED, cause="" if bad else "it changed",
    )  # fmt: skip


def write_list(path: Path, registry: str) -> Path:
    """Write the list of all tags, and return its path."""
    path.write_text(f"{registry}/{REPOSITORY}:*\n", "utf-8")
    return path
