"""The files for GitHub conform to its schemas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.schemas import conforms

FOLDER = Path(__file__).parents[2] / ".github"
MAKEFILE = (FOLDER.parent / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*##", MAKEFILE, re.MULTILINE))
WORKFLOWS = sorted(FOLDER.glob("workflows/*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_conforms_and_runs_what_exists(path: Path) -> None:
    conforms("vendor.github-workflows", path)
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        targets = job.get("strategy", {}).get("matrix", {}).get("target", [])
        assert set(targets) <= TARGETS
        runs = [step["run"].split(" ", 2)[-1] for step in job["steps"] if "run" in step]
        files = [each for each in runs if each != "make ${{ matrix.target }}"]
        assert all((FOLDER.parent / each.split()[-1]).exists() for each in files)
        assert bool(targets) is (files != runs)


def test_what_a_push_does_not_run_is_run_each_night() -> None:
    nightly = yaml.safe_load((FOLDER / "workflows/nightly.yml").read_text())
    (job,) = nightly["jobs"].values()
    long = {"sabotage", "harmless", "worlds", "escapes", "faults", "hostile", "soak", "test-slow"}
    assert long <= set(job["strategy"]["matrix"]["target"])
    assert job["env"] == {"ARGS": "${{ matrix.target == 'sabotage' && '--both' || '' }}"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("ISSUE_TEMPLATE/*.md")), ids=lambda p: p.stem)
def test_an_issue_template_says_what_it_is_about(path: Path) -> None:
    _, head, body = path.read_text().split("---\n", 2)
    assert yaml.safe_load(head).keys() == {"name", "about"}
    assert body.strip()
