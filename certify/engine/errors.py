"""Translates errors of Docker's library into certify's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from http.client import IncompleteRead
from typing import Any, TypeVar

import requests
import urllib3
from docker.errors import APIError as APIError
from docker.errors import DockerException
from docker.errors import ImageNotFound as ImageNotFound

from certify.judge.diagnosis import diagnose
from certify.model.errors import EngineUnavailable, ImageUnavailable, LaunchRefused, Trouble
from certify.model.terms import Fault
from certify.util.text import one_line

T = TypeVar("T", bound=Trouble)


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


def diagnosed(
    kind: type[T], what: str, message: str, *, where: str, remedy: str, fault: Fault
) -> T:
    """Return an error that tells what failed, and the cause that the engine's message shows.

    ``where`` is the kind of text that the message is (:func:`~certify.judge.diagnosis.diagnose`);
    ``remedy`` and ``fault`` are those of an unknown cause.
    """
    found = diagnose(message, where=where)
    return kind(
        f"{what}: {found.cause if found else one_line(message)}",
        remedy=found.remedy if found else remedy,
        fault=found.fault if found else fault,
        evidence=message,
    )


def pull_failure(image: str, message: str) -> ImageUnavailable:
    """Return the error for a failed pull, from the engine's message."""
    return diagnosed(
        ImageUnavailable, f"{image} could not be pulled", message, where="pull",
        remedy="`docker pull` the image by hand to see why.", fault=Fault.REGISTRY,
    )  # fmt: skip


def launch_refusal(refused: APIError | str, subject: str = "the container") -> LaunchRefused:
    """Return the error for an engine that would not create or start ``subject``.

    Its fault is never the image's.
    """
    error = diagnosed(
        LaunchRefused, f"The engine refused to start {subject}", explanation(refused),
        where="launch", fault=Fault.HOST,
        remedy="`certify run --isolation` offers other launches; the engine's own log says more.",
    )  # fmt: skip
    if error.fault is Fault.IMAGE:
        error.fault = Fault.HOST
    return error


def _innermost(error: BaseException) -> str:
    """Return the message of the deepest cause in a chain of errors."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    # What the HTTP library says of an answer without an end is about its own parser.
    if isinstance(error, ValueError | IncompleteRead):
        return "it broke off in the middle of an answer"
    words = error.strerror if isinstance(error, OSError) else None
    return words or str(error) or type(error).__name__
