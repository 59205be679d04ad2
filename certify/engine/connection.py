"""The way to the container engine: which one it is, and what its silence means."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.api.client import APIClient
from docker.context import ContextAPI
from docker.errors import APIError, DockerException

from certify.model.errors import EngineUnavailable

SILENCE = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
"""What is raised where an answer began late, or a stream went on too late."""


class _Client(APIClient):
    """No request of it waits for ever: the library's own wait so for a pull and an import."""

    def post(self, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        if options.get("timeout") is None:
            options["timeout"] = self.timeout
        return super().post(url, *args, **options)


class _Docker(docker.DockerClient):
    def __init__(self, *args: Any, **options: Any) -> None:
        self.api = _Client(*args, **options)


def connected(timeout: int) -> docker.DockerClient:
    """A client of the engine that ``docker`` would use here.

    It waits so many seconds for an answer, and for each further piece of a long one.
    """
    base_url = _base_url()
    if base_url:
        return _Docker(base_url=base_url, timeout=timeout)
    return _Docker.from_env(timeout=timeout)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turns an engine that does not answer into :class:`EngineUnavailable`."""
    try:
        yield
    except APIError:
        raise
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # while a stream is read, nobody translates these
        DockerException,
        OSError,
    ) as error:
        raise EngineUnavailable(
            f"The container engine does not answer: {_innermost(error)}",
            remedy="Start it (systemctl start docker), or point DOCKER_HOST at one that runs; "
            "`docker version` must answer for this user.",
        ) from error


def _innermost(error: BaseException) -> str:
    """The deepest cause of a chain of wrapped connection errors, in one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__


def _base_url() -> str | None:
    """Where the engine is, as Docker's own command line would find it; null: the default."""
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
