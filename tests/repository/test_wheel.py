"""What `pip install` gives people: the command and all it needs, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what it requires, nothing else.

    Requirements are linked from this environment instead of downloaded: only what the wheel
    declares, so that anything it needs and does not declare is missing.
    """
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", str(venv))
    run(
        *(sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install"),
        *("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", str(wheel)),
    )
    (site_packages,) = venv.glob("lib/python*/site-packages")
    (own,) = metadata.distributions(name="certify-images", path=[str(site_packages)])
    for distribution in required_by(own):
        for entry in top_level(distribution):
            link = site_packages / entry.name
            if not link.exists():
                link.symlink_to(entry)
    return venv


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command prints, run without whatever points Python to the checkout."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    ended = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command} exited {ended.returncode}\n{ended.stderr}"
    return ended.stdout


def required_by(distribution: metadata.Distribution) -> list[metadata.Distribution]:
    """Everything that a distribution requires, and what that requires, and so on."""
    found: dict[str, metadata.Distribution] = {}
    waiting = needs(distribution, set())
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        found[name] = metadata.distribution(name)
        waiting += needs(found[name], requirement.extras)
    return list(found.values())


def needs(distribution: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    """What a distribution requires here, with these extras of it."""
    declared = [Requirement(line) for line in distribution.requires or ()]
    asked = [{"extra": extra} for extra in ("", *extras)]
    return [
        each
        for each in declared
        if each.marker is None or any(each.marker.evaluate(extra) for extra in asked)
    ]


def top_level(distribution: metadata.Distribution) -> set[Path]:
    """The files and folders of a distribution, as they lie in its site-packages."""
    base = Path(str(distribution.locate_file("")))
    return {base / file.parts[0] for file in distribution.files or () if file.parts[0] != ".."} - {
        base / "__pycache__"
    }


def test_the_wheel_holds_every_file_of_the_package_the_suite_and_the_documents(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {str(path.relative_to(ROOT)) for path in files(ROOT / "certify")}
    for beside in ("checks", "docs"):
        expected |= {f"certify/{path.relative_to(ROOT)}" for path in files(ROOT / beside)}
    assert packed == expected
    for kind in ("certify/checks/*.py", "certify/judge/profiles/*.toml", "certify/engine/*.json"):
        assert any(Path(name).match(kind) for name in packed), f"no {kind}"


def files(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"
    ]


def test_it_is_the_wheel_that_is_imported(installed: Path, tmp_path: Path) -> None:
    where = "import certify, certify.suite.catalogue as c; print(certify.__file__)"
    where += "; print(c.suite_directory())"
    printed = run(str(installed / "bin/python"), "-c", where, cwd=tmp_path)
    for line in printed.splitlines():
        assert Path(line).is_relative_to(installed)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "Usage: certify"),
        (["checks"], "dockerd.container"),
        (["checks", "systemd.pid1"], "systemd.pid1"),
        (["profiles"], "devspace"),
        (["profiles", "plain"], "packages.install"),
    ],
    ids=["help", "checks", "check", "profiles", "profile"],
)
def test_the_command_works_anywhere(
    installed: Path, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    assert expected in run(str(installed / "bin/certify"), *arguments, cwd=tmp_path)


@pytest.mark.engine
def test_an_image_is_certified_with_what_the_wheel_brings(installed: Path, tmp_path: Path) -> None:
    arguments = ("run", "--profile", "plain", "--format", "json", "certify-sample/debian:latest")
    printed = run(str(installed / "bin/certify"), *arguments, cwd=tmp_path)
    (result,) = json.loads(printed)["results"]
    assert result["verdict"]["status"] == "certified"
    assert (tmp_path / "reports").is_dir()
