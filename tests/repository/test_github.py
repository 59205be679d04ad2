"""The files for GitHub conform to its schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.schemas import conforms

FOLDER = Path(__file__).parents[2] / ".github"
WORKFLOWS = sorted(FOLDER.glob("workflows/*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_conforms_and_runs_what_exists(path: Path) -> None:
    conforms("vendor.github-workflows", path)
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    runs = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert all((FOLDER.parent / words.split()[-1]).exists() for words in runs)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("ISSUE_TEMPLATE/*.md")), ids=lambda p: p.stem)
def test_an_issue_template_says_what_it_is_about(path: Path) -> None:
    _, head, body = path.read_text().split("---\n", 2)
    assert yaml.safe_load(head).keys() == {"name", "about"}
    assert body.strip()
