"""What `pip install` gives people: the command and all it needs, without the checkout."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from certify.signing.keys import new_pair, write_pair
from scripts.release import check
from tests.support.wheels import required_by

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make release` makes, but for the image."""
    out, key = tmp_path_factory.mktemp("release"), tmp_path_factory.mktemp("key") / "release"
    write_pair(key.with_suffix(".key"), key.with_suffix(".pub"), new_pair("ecdsa", b"secret"))
    run(
        *(sys.executable, "-m", "scripts.release", "--no-image"),
        *("--key", f"{key}.key", "--out", str(out)),
        cwd=ROOT,
        RELEASE_REPOSITORY="https://github.com/acme/certify",
        RELEASE_IMAGE="registry.example/certify",
        CERTIFY_PASSPHRASE="secret",
    )
    return out


@pytest.fixture(scope="module")
def wheel(release: Path) -> Path:
    (built,) = release.glob("*.whl")
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


def run(*command: str, cwd: Path | None = None, **variables: str) -> str:
    """What a command prints, run without whatever points Python to the checkout."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    environment |= variables
    ended = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command} exited {ended.returncode}\n{ended.stderr}"
    return ended.stdout


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


def test_the_files_of_a_release_are_those_that_its_key_signed(release: Path) -> None:
    names = {path.name for path in release.iterdir()}
    made = {f"certify_images-{VERSION}-py3-none-any.whl", f"certify_images-{VERSION}.tar.gz"}
    assert names == made | {"SHA256SUMS", "SHA256SUMS.sig", "release.pub"}
    checked = run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=release)
    assert checked.count(": OK") == len(made)
    raw = release / "signature"
    raw.write_bytes(base64.b64decode((release / "SHA256SUMS.sig").read_bytes()))
    words = ("-sha256", "-verify", "release.pub", "-signature", "signature", "SHA256SUMS")
    assert "Verified OK" in run("openssl", "dgst", *words, cwd=release)
    raw.unlink()


@pytest.mark.parametrize(
    ("changelog", "tagged", "told"),
    [
        ("## [Unreleased]\n", [], "has no section `## [1.2.3] - YYYY-MM-DD`"),
        ("## [1.2.3]\n", [], "has no section"),
        ("## [1.2.3] - 2026-01-02\n", ["v1.2.4"], "tagged v1.2.4, pyproject.toml has 1.2.3"),
    ],
)
def test_no_release_without_a_section_or_with_another_tag(
    changelog: str, tagged: list[str], told: str
) -> None:
    with pytest.raises(SystemExit, match=re.escape(told)):
        check("1.2.3", changelog, tagged)


@pytest.mark.parametrize("tagged", [[], ["v1.2.3"], ["v1", "v1.2.3"]])
def test_a_release_that_is_described_and_tagged(tagged: list[str]) -> None:
    check("1.2.3", "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n", tagged)


def test_it_is_the_wheel_that_is_imported(installed: Path, tmp_path: Path) -> None:
    where = "import certify, certify.suite.catalogue as c; print(certify.__file__)"
    where += "; print(c.suite_directory())"
    printed = run(str(installed / "bin/python"), "-c", where, cwd=tmp_path)
    for line in printed.splitlines():
        assert Path(line).is_relative_to(installed)


COMMANDS = {
    "--help": "Usage: certify",
    "checks": "dockerd.container",
    "checks systemd.pid1": "systemd.pid1",
    "profiles": "devspace",
    "profiles plain": "packages.install",
    "schedule github": f'uses: "acme/certify@v{VERSION}"',
    "schedule kubernetes": f'image: "registry.example/certify:{VERSION}"',
}
ALL_IN_ONE = """
import json, sys
from click.testing import CliRunner
from certify.cli.main import main
invoke, name = CliRunner().invoke, "certify"
found = {each: invoke(main, each.split(), prog_name=name) for each in sys.argv[1:]}
print(json.dumps({each: [ended.exit_code, ended.output] for each, ended in found.items()}))
"""


def test_the_commands_work_anywhere(installed: Path, tmp_path: Path) -> None:
    """One by itself; the others in one process, as each would take a second to start."""
    assert VERSION in run(str(installed / "bin/certify"), "--version", cwd=tmp_path)
    printed = run(str(installed / "bin/python"), "-P", "-c", ALL_IN_ONE, *COMMANDS, cwd=tmp_path)
    for words, (code, output) in json.loads(printed).items():
        assert code == 0, output
        assert COMMANDS[words] in output


@pytest.mark.engine
def test_an_image_is_certified_with_what_the_wheel_brings(installed: Path, tmp_path: Path) -> None:
    arguments = ("run", "--profile", "plain", "--format", "json", "certify-sample/debian:latest")
    printed = run(str(installed / "bin/certify"), *arguments, cwd=tmp_path)
    (result,) = json.loads(printed)["results"]
    assert result["verdict"]["status"] == "certified"
    assert (tmp_path / "reports").is_dir()
