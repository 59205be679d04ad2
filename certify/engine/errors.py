"""Translates errors of Docker's library into certify's own.

EngineUnavailable   the engine does not answer, or fails to answer a query
ImageUnavailable    a pull failed
LaunchRefused       the engine would not create or start a container
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound

from certify.judge.diagnosis import diagnose
from certify.model.errors import EngineUnavailable, ImageUnavailable, LaunchRefused
from certify.model.terms import Fault
from certify.util.text import one_line


def explanation(error: APIError | str) -> str:
    """Return the engine's own message for an error."""
    return error if isinstance(error, str) else str(error.explanation or error)


def stream_error(step: Mapping[str, Any]) -> str:
    """Return the error within an answer that began as a success, such as a pull's; or empty."""
    detail = step.get("errorDetail")
    message = detail.get("message") if isinstance(detail, dict) else ""
    return str(step.get("error") or message or ("it failed" if "errorDetail" in step else ""))


@contextlib.contextmanager
def translate_errors(subject: str = "") -> Iterator[None]:
    """Raise :class:`EngineUnavailable` if the engine does not answer.

    An error that the engine itself reports, ``APIError``, passes through, unless a ``subject``
    names what the engine was to report: then it becomes :class:`EngineUnavailable`, too.
    """
    try:
        yield
    except APIError as error:
        if not subject:
            raise
        raise query_failure(subject, error) from error
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # requests does not translate these while it streams
        DockerException,
        OSError,
    ) as error:
        raise EngineUnavailable(
            f"The container engine does not answer: {_innermost(error)}",
            remedy="Start it (systemctl start docker, or podman.socket), or point DOCKER_HOST at "
            "one that runs; `docker version` must answer for this user.",
        ) from error


def query_failure(subject: str, error: APIError | str) -> EngineUnavailable:
    """Return the error for an engine that runs, but could not report ``subject``."""
    return EngineUnavailable(
        f"The container engine could not report {subject}: {one_line(explanation(error))}",
        remedy="See the engine's own log, and whether somebody else removed the object.",
    )


def pull_failure(image: str, message: str) -> ImageUnavailable:
    """Return the error for a failed pull, from the engine's message."""
    diagnosis = diagnose(message, where="pull")
    return ImageUnavailable(
        f"{image} could not be pulled: {diagnosis.cause if diagnosis else one_line(message)}",
        remedy=diagnosis.remedy if diagnosis else "`docker pull` the image by hand to see why.",
        fault=diagnosis.fault if diagnosis else Fault.REGISTRY,
        evidence=message,
    )


def launch_refusal(refused: APIError | str, subject: str = "the container") -> LaunchRefused:
    """Return the error for an engine that would not create or start ``subject``.

    Its fault is never the image's.
    """
    message = explanation(refused)
    diagnosis = diagnose(message, where="launch")
    return LaunchRefused(
        f"The engine refused to start {subject}: "
        f"{diagnosis.cause if diagnosis else one_line(message)}",
        remedy=diagnosis.remedy
        if diagnosis
        else "`certify run --isolation` offers other launches; the engine's own log says more.",
        fault=diagnosis.fault if diagnosis and diagnosis.fault is not Fault.IMAGE else Fault.HOST,
        evidence=message,
    )


def _innermost(error: BaseException) -> str:
    """Return the message of the deepest cause in a chain of errors."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__


__all__ = [
    "APIError", "ImageNotFound", "explanation", "launch_refusal", "pull_failure", "query_failure",
    "stream_error", "translate_errors",
]  # fmt: skip
