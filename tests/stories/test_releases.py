"""Debian's releases, made for the test: what their systemd makes of this host's cgroups."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certify.engine.client import Engine
from certify.model.terms import Grade, Outcome, Status
from tests.conftest import Certify
from tests.stories.inconclusive.answers import reason

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("nothing_left")]

MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
Release = Callable[..., str]


@pytest.fixture
def release(engine: Engine, tmp_path: Path) -> Iterator[Release]:
    """Makes a minimal image of a release; it is removed with the test."""
    if shutil.which("mmdebstrap") is None:
        pytest.skip("needs the Debian package mmdebstrap")
    made = []

    def make(name: str, *include: str) -> str:
        archive, image = tmp_path / f"{name}.tar", f"certify-test/{name}-{uuid.uuid4().hex[:8]}:1"
        options = ["--variant=minbase"]
        options += [f"--keyring={KEYRING}"] if KEYRING.exists() else []
        options += [f"--include={','.join(include)}"] if include else []
        # The lists of a release in the making expire in a week, and a mirror may be behind.
        options.append('--aptopt=Acquire::Check-Valid-Until "false"')
        source = f"deb {MIRROR} {name} main"
        subprocess.run(
            ["mmdebstrap", *options, name, str(archive), source], check=True, capture_output=True
        )
        subprocess.run(["docker", "import", str(archive), image], check=True, capture_output=True)
        archive.unlink()
        made.append(image)
        return image

    yield make
    for image in made:
        engine.client.images.remove(image, force=True)


@pytest.mark.parametrize(("name", "version"), [("bullseye", "11"), ("trixie", "13")])
def test_a_release_that_is_installed_at_launch(
    certify: Certify, release: Release, name: str, version: str
) -> None:
    ended = certify("run", "--format", "json", release(name))
    assert ended.code == 0, ended.err
    result = ended.result
    assert (result.verdict.status, result.verdict.grade) == (Status.CERTIFIED, Grade.ON_LAUNCH)
    assert result.image.os is not None
    assert result.image.os.version_id == version
    assert all(
        check.outcome is Outcome.PASSED for check in result.checks if check.level == "required"
    )


def test_a_systemd_that_cannot_run_on_this_hosts_cgroups(
    certify: Certify, release: Release, engine: Engine, tmp_path: Path
) -> None:
    if engine.host().cgroup_version != "1":
        pytest.skip("this host has cgroup v2, on which every systemd boots")
    ended = certify("run", "--format", "json", release("forky", "systemd-sysv"))
    said = reason(ended, tmp_path / "reports")
    assert "systemd 258 and newer cannot run on cgroup v1" in said
    assert "the host's fault" in said
    (pid1,) = (check for check in ended.result.checks if check.id == "systemd.pid1")
    assert "Detected unsupported legacy cgroup hierarchy" in pid1.evidence
