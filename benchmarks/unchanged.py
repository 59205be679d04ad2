"""Time of a sweep over 100, 1,000 and 10,000 tags of which none has changed.

A real registry on loopback has a manifest per tag, all with the layers of one sample. Two samples
are certified, one good and one bad, and copies of their results for all tags make the ledger of an
earlier sweep. Then ``certify sweep`` runs in a new process. The floor is one HEAD request after
another, for each tag, over one open connection.

Run ``python -m benchmarks.unchanged [--tags 100 1000 10000] [--second]``; it prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import requests

from certify.ledger.store import Ledger
from certify.model.result import Result
from tests.support.registries import MANIFEST, Registry, running

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SAMPLES = ("busybox", "debian-devspace")
RUNS = 3


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


def sweep(listing: Path, reports: Path, *more: str) -> tuple[float, str]:
    """Sweep in a new process; return the seconds, and what it printed on standard error."""
    command = [
        sys.executable, "-P", "-m", "certify", "sweep", str(listing), "--reports", str(reports),
        "--fail-on", "never", *more,
    ]  # fmt: skip
    started = time.perf_counter()
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | {"CI": "1"}
    )
    assert ended.returncode == 0, ended.stderr
    return time.perf_counter() - started, ended.stderr


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


def measure(registry: Registry, folder: Path, tags: int) -> tuple[float, float]:
    """Return the seconds of the floor and of an unchanged sweep."""
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
    times = []
    for _ in range(RUNS):
        seconds, printed = sweep(listing, reports)
        assert f"{tags} fresh" in printed, printed
        times.append(seconds)
    return floor(registry, repository, tags), statistics.median(times)


VARIANTS = {
    "debian-devspace": 4, "debian-degraded": 2, "debian-broken-dockerd": 2, "debian": 2,
    "busybox": 1, "scratch": 1,
}  # fmt: skip


def second(registry: Registry, folder: Path) -> tuple[float, float]:
    """Return the seconds of a first sweep over twelve real images, and of a second one."""
    for sample, count in VARIANTS.items():
        for number in range(count):
            dockerfile = f"FROM certify-sample/{sample}\nLABEL variant={time.time_ns()}\n"
            built = subprocess.run(
                ["docker", "build", "-q", "-"],
                check=True, capture_output=True, text=True, input=dockerfile,
            )  # fmt: skip
            registry.push(built.stdout.strip(), f"real/{sample}:{number}")
    listing = folder / "real.txt"
    listing.write_text(f"{registry.host}/real/*:*\n", "utf-8")
    first, _ = sweep(listing, folder / "real")
    again = [sweep(listing, folder / "real") for _ in range(RUNS)]
    assert all("12 fresh" in printed for _, printed in again)
    return first, statistics.median(seconds for seconds, _ in again)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tags", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--second", action="store_true", help="Also sweep twelve real images.")
    options = parser.parse_args()
    counts = options.tags
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, median of {RUNS} sweeps")
    print("\n| tags | floor: HEADs in turn | unchanged sweep | ratio | peak memory |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as registry:
        for tags in counts:
            least, whole = measure(registry, Path(folder), tags)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(
                f"| {tags:,} | {least:.2f} s | {whole:.2f} s | {whole / least:.2f}"
                f" | {peak:.0f} MiB |",
                flush=True,
            )
        if options.second:
            first, again = second(registry, Path(folder))
            print(
                f"\n12 images: first sweep {first:.1f} s, second {again:.2f} s:"
                f" {first / again:.0f} times faster"
            )


if __name__ == "__main__":
    main()
