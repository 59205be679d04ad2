"""The program that needs the rights that systemd and dockerd need."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from certify.engine.probe.programs import NO_KEYRING, NO_MOUNT, exercise
from tests.engine.probe.test_programs import NATIVE, command, run, wherever_it_runs

ALONE = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to mount on. Mounts are seen in a namespace alone, and are gone with it."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no user namespaces")
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@wherever_it_runs
def test_it_mounts_and_joins_a_keyring(architecture: str, place: Path, tmp_path: Path) -> None:
    words = command(architecture, exercise(architecture, b"word", str(place)), tmp_path)
    if architecture == NATIVE:
        done = subprocess.run([*ALONE, *words], capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"word", b"")
        return
    # QEMU's user mode knows keyctl by name, and does not do it.
    traced = [*ALONE, words[0], "-strace", *words[1:]]
    done = subprocess.run(traced, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (NO_KEYRING, b"")
    mounted, joined, _ = done.stderr.decode().splitlines()
    assert f'mount("tmpfs","{place}","tmpfs",0,NULL) = 0' in mounted
    assert "keyctl(1,0," in joined


@wherever_it_runs
def test_a_mount_that_is_refused_ends_it(architecture: str, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "such" / "folder")
    done = run(architecture, exercise(architecture, b"word", nowhere), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (NO_MOUNT, b"", b"")
