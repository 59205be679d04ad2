"""Every command of docs/first-night.md, as it stands, on a real engine and a real registry."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.conftest import SAMPLES
from tests.support.pages import ROOT, run_page
from tests.support.registries import running
from tests.support.webhook import receiving

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found.host
        name = f"{found.host}/team/base:1"
        subprocess.run(["docker", "image", "rm", name], capture_output=True, check=True)


@pytest.mark.slow
def test_the_page_does_what_it_says(tmp_path: Path, registry: str) -> None:
    (tmp_path / "old").mkdir()
    with closing(sqlite3.connect(tmp_path / "old" / "certify.db")) as old:
        old.executescript((ROOT / "tests/ledger/data/version-1.sql").read_text("utf-8"))
    with receiving() as (port, got):
        said = run_page(
            "first-night.md", tmp_path, REGISTRY=registry, ACTION="acme/certify@v0.2.0",
            IMAGE=f"{SAMPLES}/busybox", HOOK=f"json://127.0.0.1:{port}/certify",
        )  # fmt: skip
    (message,) = got
    assert "newly rejected" in str(message)
    assert "packages.manager" in str(message)
    quiet = next(line for line in said if "--quiet --notify" in line and "sweep" in line)
    assert said[quiet] == ""
    waived = next(line for line in said if "--waivers" in line)
    assert "1 waived" in said[waived]
    assert (
        "approved: " in said['certify verify "$REGISTRY/team/base:1" --profile ours --key team.pub']
    )
    assert "certify.db.v1" in said["ls old"]
    for name in ("github.yml", "gitlab.yml", "kubernetes.yml"):
        assert all(yaml.safe_load_all((tmp_path / name).read_text()))
    assert (tmp_path / "units" / "certify-sweep.timer").is_file()
