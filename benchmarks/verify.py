"""Time of ``certify verify`` in a new process, with lists of several sizes.

The floor is an interpreter that only parses the same list as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import Section
from certify.model.approved import ApprovedList
from certify.model.platform import host_platform
from certify.signing.attestations import Signer
from certify.signing.keys import new_pair, public_pem, read_private

ROUNDS = 7


def a_list(count: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    moment, later = now.isoformat(), (now + timedelta(days=30)).isoformat()
    images: list[dict[str, Any]] = [
        {
            "pin": f"registry.invalid/team/i{n}@sha256:{n:064x}",
            "reference": f"registry.invalid/team/i{n}:1",
            "registry": "registry.invalid", "repository": f"team/i{n}", "tag": "1",
            "digest": f"sha256:{n:064x}", "manifest_digest": f"sha256:{n:064x}",
            "platform": host_platform(), "profile": "devspace", "grade": "native",
            "trust": "unknown", "waived": [], "boot_seconds": 1.5, "provision_seconds": None,
            "suite": f"sha256:{1:064x}", "certified_at": moment, "expires_at": later,
        }
        for n in range(count)
    ]  # fmt: skip
    return {
        "schema": "certify/approved/v1", "sequence": 1, "published_at": moment,
        "expires_at": later, "platforms": [], "images": images, "revoked": [],
    }  # fmt: skip


def seconds(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    environment = os.environ | {"XDG_STATE_HOME": str(folder)}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def measure(count: int, folder: Path) -> tuple[float, dict[str, float]]:
    """Return the megabytes of a list, and the median seconds of each command."""
    raw = json.dumps(a_list(count), indent=1).encode()
    found = folder / "list.json"
    found.write_bytes(raw)
    private, public = folder / "a.key", folder / "a.pub"
    private.write_bytes(new_pair("ecdsa", None)[0])
    key = read_private(private, lambda: b"")
    public.write_bytes(public_pem(key.public_key()))
    head = ApprovedList.model_validate_json(raw)
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    name, bundle = Signer(key, lambda _: None).sign_list(digest, head, "list.json")
    (folder / name).write_bytes(bundle)
    image = f"registry.invalid/team/i{count // 2}@sha256:{count // 2:064x}"
    verify = [sys.executable, "-P", "-m", "certify", "verify", image, "--approved", str(found)]
    reading = f"import json; json.load(open({str(found)!r}))"
    commands = {
        "floor": [sys.executable, "-c", reading],
        "verify": verify,
        "verify --key": [*verify, "--key", str(public)],
    }
    times: dict[str, list[float]] = {each: [] for each in commands}
    for _ in range(ROUNDS):
        for each, command in commands.items():
            times[each].append(seconds(command, folder))
    return len(raw) / 1e6, {each: median(taken) for each, taken in times.items()}


def section() -> Section:
    """Measure lists of several sizes."""
    about = Section(
        "`certify verify` for one image, offline and in a new process. The floor is an interpreter "
        "that only parses the same list as JSON.",
        ("images", "list", "floor", "verify", "verify --key"),
    )
    for count in (10, 1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            size, taken = measure(count, Path(folder))
        cells = [f"{each:.2f} s ({each / taken['floor']:.1f}×)" for each in taken.values()]
        about.rows.append((f"{count:,}", f"{size:.1f} MB", *cells))
        about.bars[f"{count:,} images"] = taken["verify"]
    return about
