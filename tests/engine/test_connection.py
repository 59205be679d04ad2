"""Finding the engine that the `docker` command would use, or else Podman."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.engine import connection


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose sockets are files of this folder, without a context of Docker's."""
    monkeypatch.setattr(connection, "DEFAULT_SOCKET", f"{tmp_path}/docker")
    monkeypatch.setattr(connection, "PODMAN_SOCKET", f"{tmp_path}/podman")
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{tmp_path}/own")
    monkeypatch.setenv("DOCKER_CONFIG", f"{tmp_path}/config")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    (tmp_path / "own/podman").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("present", "found"),
    [
        ([], None),
        (["docker"], None),
        (["docker", "own/docker.sock", "own/podman/podman.sock", "podman"], None),
        (["own/docker.sock", "own/podman/podman.sock", "podman"], "own/docker.sock"),
        (["own/podman/podman.sock", "podman"], "own/podman/podman.sock"),
        (["podman"], "podman"),
    ],
)
def test_docker_comes_first_and_podman_is_found(
    sockets: Path, present: list[str], found: str | None
) -> None:
    for name in present:
        (sockets / name).touch()
    assert connection.engine_address() == (found and f"unix://{sockets}/{found}")


def test_what_the_user_says_comes_before_all(
    sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sockets / "podman").touch()
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere")
    assert connection.engine_address() is None
