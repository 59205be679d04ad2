"""Time of a sweep over 100, 1,000 and 10,000 tags of which none has changed.

A real registry on loopback has a manifest per tag, all with the layers of one sample. Two samples
are certified, one good and one bad, and copies of their results for all tags make the ledger of an
earlier sweep. Then ``certify sweep`` runs in a new process. The floor is one HEAD request after
another, for each tag, over one open connection.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import requests

from benchmarks.commands import cost
from benchmarks.report import Section
from certify.ledger.store import Ledger
from certify.model.result import Result
from tests.support.registries import MANIFEST, Registry, running

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SAMPLES = ("busybox", "debian-devspace")
RUNS = 2


def fill(registry: Registry, repository: str, tags: int) -> dict[str, str]:
    """Push a manifest per tag to a repository, and return the digests by tag."""
    registry.push(f"certify-sample/{SAMPLES[0]}", f"{repository}:0")
    url = f"http://{registry.host}/v2/{repository}/manifests"
    with requests.Session() as session:
        first = session.get(f"{url}/0", headers={"Accept": MANIFEST}, timeout=10).json()
        oci = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": first["config"] | {"mediaType": "application/vnd.oci.image.config.v1+json"},
            "layers": [
                each | {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
                for each in first["layers"]
            ],
        }
        digests = {}
        for number in range(tags):
            answer = session.put(
                f"{url}/{number}",
                json=oci | {"annotations": {"number": str(number)}},
                headers={"Content-Type": OCI_MANIFEST},
                timeout=10,
            )
            answer.raise_for_status()
            digests[str(number)] = answer.headers["Docker-Content-Digest"]
    return digests


def floor(registry: Registry, repository: str, tags: int) -> float:
    """Return the seconds for one HEAD request after another."""
    started = time.perf_counter()
    with requests.Session() as session:
        for number in range(tags):
            session.head(
                f"http://{registry.host}/v2/{repository}/manifests/{number}",
                headers={"Accept": OCI_MANIFEST},
                timeout=10,
            ).raise_for_status()
    return time.perf_counter() - started


def sweep(listing: Path, reports: Path, *more: str) -> tuple[float, float]:
    """Sweep in a new process, and return its seconds and its peak memory in MiB."""
    command = [
        sys.executable, "-P", "-m", "certify", "sweep", str(listing), "--reports", str(reports),
        "--fail-on", "never", *more,
    ]  # fmt: skip
    taken = cost(command, reports.parent)
    return taken.seconds, taken.mebibytes


def copies(
    results: list[Result], host: str, repository: str, digests: dict[str, str]
) -> Iterator[Result]:
    """Yield copies of the results in turn, one per tag."""
    for result, (tag, digest) in zip(cycle(results), digests.items(), strict=False):
        named = {
            "reference": f"{host}/{repository}:{tag}", "registry": host, "repository": repository,
            "tag": tag, "digest": digest, "manifest_digest": digest, "image_id": digest,
        }  # fmt: skip
        yield result.model_copy(update={"image": result.image.model_copy(update=named)})


def measure(registry: Registry, folder: Path, tags: int) -> tuple[float, float, float]:
    """Return the seconds of the floor and of an unchanged sweep, and its peak memory in MiB."""
    repository, reports, listing = f"unchanged/{tags}", folder / f"{tags}", folder / f"{tags}.txt"
    digests = fill(registry, repository, tags)
    two = folder / "two.txt"
    two.write_text("".join(f"certify-sample/{name}\n" for name in SAMPLES), "utf-8")
    sweep(two, reports, "--pull", "never")
    with Ledger.open(f"sqlite:///{reports / 'certify.db'}") as ledger:
        for copy in copies(ledger.matrix_results(), registry.host, repository, digests):
            ledger.record(copy)
    listing.write_text(f"{registry.host}/{repository}:*\n", "utf-8")
    sweep(listing, reports)  # this one writes the files of all images
    seconds, peaks = zip(*(sweep(listing, reports) for _ in range(RUNS)), strict=True)
    assert f"{tags} fresh" in (folder / "stderr").read_text()
    return floor(registry, repository, tags), statistics.median(seconds), max(peaks)


def section() -> Section:
    """Sweep over tags of which none has changed."""
    about = Section(
        "A sweep of which nothing has changed, with a real registry on the same machine. The floor "
        "is one HEAD request after another.",
        ("tags", "floor", "sweep", "ratio", "peak memory"),
    )
    for tags in (100, 1_000, 10_000):
        with tempfile.TemporaryDirectory() as name, running(Path(name)) as registry:
            floor, seconds, peak = measure(registry, Path(name), tags)
        cells = (f"{floor:.2f} s", f"{seconds:.2f} s", f"{seconds / floor:.2f}", f"{peak:.0f} MiB")
        about.rows.append((f"{tags:,}", *cells))
        about.bars[f"{tags:,} tags"] = seconds
    about.wanted = [("seconds, 10,000 tags", seconds, 15), ("peak MiB, 10,000 tags", peak, 200)]
    return about
