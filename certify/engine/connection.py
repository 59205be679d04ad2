"""Finds the container engine and opens a client of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.api.client import APIClient
from docker.context import ContextAPI

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


def open_client(timeout: int) -> docker.DockerClient:
    """Open a client of the engine that the ``docker`` command would use here.

    It waits at most ``timeout`` seconds for an answer, and for each further piece of a long one.
    """
    base_url = _base_url()
    if base_url:
        return _Docker(base_url=base_url, timeout=timeout)
    return _Docker.from_env(timeout=timeout)


def _base_url() -> str | None:
    """Return the engine's address as Docker's command line finds it, or None for the default."""
    if os.environ.get("DOCKER_HOST"):
        return None  # docker-py reads it, with the TLS settings beside it
    with contextlib.suppress(Exception):  # a broken context file is the command line's problem
        context = ContextAPI.get_current_context()
        if context is not None and context.Host and context.Name != "default":
            return str(context.Host)
    rootless = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "docker.sock"
    if not Path("/var/run/docker.sock").exists() and rootless.exists():
        return f"unix://{rootless}"
    return None
