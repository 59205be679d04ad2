"""Finds the container engine and opens a client of it."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import docker
import requests
import urllib3
from docker.api.client import APIClient
from docker.context import ContextAPI

DEFAULT_SOCKET = "/var/run/docker.sock"
PODMAN_SOCKET = "/run/podman/podman.sock"
READ_TIMEOUTS = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
"""Errors for an answer that began too late, and for a stream that stalled."""


class _Client(APIClient):
    """A client whose every request has a timeout; the library's pull and import have none."""

    def post(self, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        return super().post(url, *args, **options)


class _Docker(docker.DockerClient):
    def __init__(self, *args: Any, **options: Any) -> None:
        self.api = _Client(*args, **options)


def open_client(timeout: int, address: str = "") -> docker.DockerClient:
    """Open a client of the engine at an address, or the one that the ``docker`` command would use.

    It waits at most ``timeout`` seconds for an answer, and for each further piece of a long one.
    """
    base_url = None if address else engine_address()
    if base_url:
        return _Docker(base_url=base_url, timeout=timeout)
    return _Docker.from_env(timeout=timeout, environment=environment_for(address))


def remote_address() -> str:
    """Return the address of Docker's environment or context if it is one of SSH, else nothing."""
    found = os.environ.get("DOCKER_HOST") or engine_address() or ""
    return found if found.startswith("ssh://") else ""


def environment_for(address: str) -> dict[str, str]:
    """Return this process's environment, in which Docker's tools find the engine at an address."""
    return {**os.environ, **({"DOCKER_HOST": address} if address else {})}


def engine_address() -> str | None:
    """Return the engine's address as Docker's command line finds it, or None for the default.

    Where no socket of Docker is, Podman's is taken: first the user's own, then root's.
    """
    if os.environ.get("DOCKER_HOST"):
        return None  # docker-py reads it, with the TLS settings beside it
    with contextlib.suppress(Exception):  # a broken context file is the command line's problem
        context = ContextAPI.get_current_context()
        if context is not None and context.Host and context.Name != "default":
            return str(context.Host)
    own = os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    sockets = (DEFAULT_SOCKET, f"{own}/docker.sock", f"{own}/podman/podman.sock", PODMAN_SOCKET)
    found = next((each for each in sockets if os.access(each, os.F_OK)), DEFAULT_SOCKET)
    return None if found == DEFAULT_SOCKET else f"unix://{found}"
