"""The files and commands of docs/ci.md, as GitHub's and GitLab's runners would run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.pages import ROOT, blocks
from tests.support.registries import running
from tests.support.schemas import conforms

SCHEMAS = {
    ".github/workflows/image.yml": "vendor.github-workflows",
    ".github/workflows/nightly.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
    "nightly.gitlab-ci.yml": "vendor.gitlab-ci",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of the page, and those that its commands write."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/certify").symlink_to(ROOT / ".venv/bin/certify")
    for language, file, body in blocks("ci.md"):
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(body, "utf-8")
        else:
            assert language == "sh"
            ended = run(tmp_path, body)
            assert ended.returncode == 0, ended.stderr
    return tmp_path


def run(folder: Path, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a step, as GitHub does."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder,
        env=os.environ | {"PATH": path, "CI": "true", "DOCKER_BUILDKIT": "0"} | more,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def test_the_files_conform(project: Path) -> None:
    for name, schema in SCHEMAS.items():
        conforms(schema, project / name)
    assert shutil.which("certify", path=str(project / "bin"))


@pytest.fixture
def built() -> Iterator[str]:
    """The name of the image that the pull request builds, which is removed in the end."""
    yield "team/base:ci"
    subprocess.run(["docker", "image", "rm", "team/base:ci"], capture_output=True, check=True)


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_pull_request_on_github(project: Path, built: str) -> None:
    _, build, action, sarif, upload = loaded(project / ".github/workflows/image.yml")["jobs"][
        "certify"
    ]["steps"]
    assert build["run"] == f"docker build --tag {built} ."
    assert run(project, build["run"]).returncode == 0
    install, certify = loaded(ROOT / "action.yml")["runs"]["steps"]
    assert 'echo "$TARGET/bin" >>"$GITHUB_PATH"' in install["run"]
    given = {
        "IMAGES": "", "MERGE": "", "REPORTS": "reports", "ALLOW_INCONCLUSIVE": "false",
        "CERTIFY": "certify", "LIST": action["with"]["list"], "ARGS": action["with"]["args"],
    }  # fmt: skip
    assert certify["env"].keys() == given.keys()
    github = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(project)}
    files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
    github |= {name: str(project / file) for name, file in files.items()}
    ended = run(project, certify["run"], **given, **github)
    assert ended.returncode == 1, ended.stderr
    assert "::error file=ci.txt,line=1,title=REJECTED team/base%3Aci (plain)::" in ended.stdout
    assert (project / "output").read_text() == "exit-code=1\nreports=reports\n"
    assert "packages.manager" in (project / "summary").read_text()
    again = run(project, sarif["run"], **github)
    assert (again.returncode, again.stdout) == (0, "")
    assert "0 to certify" in again.stderr
    found = json.loads((project / upload["with"]["sarif_file"]).read_text())["runs"][0]["results"]
    assert "packages.manager" in {each["ruleId"] for each in found if each["level"] == "error"}


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_a_merge_request_on_gitlab(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    jobs = loaded(project / ".gitlab-ci.yml")
    assert jobs["variables"]["IMAGE"] == "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA"
    with running(tmp_path_factory.mktemp("registry"), password=True) as registry:
        image = f"{registry.host}/team/base:abcdef12"
        given = {
            "CI_REGISTRY": registry.host, "CI_REGISTRY_USER": "certify", "IMAGE": image,
            "CI_REGISTRY_PASSWORD": "certify", "DOCKER_CONFIG": str(project / "login"),
        }  # fmt: skip
        for job, code in (("build", 0), ("certify", 1)):
            script = [*jobs["default"]["before_script"], *jobs[job]["script"]]
            ended = run(project, "\n".join(script), **given)
            assert ended.returncode == code, ended.stdout + ended.stderr
    reports = jobs["certify"]["artifacts"]["reports"]
    issues = json.loads((project / reports["codequality"]).read_text())
    assert "packages.manager" in {each["check_name"] for each in issues}
    assert {each["location"]["path"] for each in issues} == {"ci.txt"}
    assert "packages.manager" in (project / reports["junit"]).read_text()
    assert (project / "reports/index.html").is_file()
