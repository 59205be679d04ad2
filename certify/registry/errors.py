"""Messages about a registry that did not do what it was asked for."""

from __future__ import annotations

import requests
import urllib3

from certify.judge.diagnosis import diagnose
from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.util.http import BadStatus
from certify.util.text import one_line


def unavailable(what: str, error: Exception) -> ImageUnavailable:
    """Return an error that begins with ``what`` and explains the cause in plain words.

    Where the registry answers with status 404 it is :class:`NoSuchImage`.
    """
    evidence = str(error) or type(error).__name__
    status = error.answer.status if isinstance(error, BadStatus) else 0
    if status in _STATUSES:
        cause, remedy = _STATUSES[status]
        kind = NoSuchImage if status == 404 else ImageUnavailable
        return kind(f"{what}: {cause}{_pause_wanted(error)}", remedy=remedy, evidence=evidence)
    if status >= 500:
        cause = f"it answers with its own error {status}"
        return ImageUnavailable(f"{what}: {cause}", remedy="Try again later.", evidence=evidence)
    diagnosis = diagnose(evidence)
    if diagnosis is None:
        remedy = "See that the registry runs, and that its name is right."
        return ImageUnavailable(f"{what}: {_innermost(error)}", remedy=remedy, evidence=evidence)
    return ImageUnavailable(
        f"{what}: {diagnosis.cause}",
        remedy=diagnosis.remedy,
        fault=diagnosis.fault,
        evidence=evidence,
    )


def _innermost(error: BaseException) -> str:
    """Return the operating system's message about a connection, without the layers around it."""
    while isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and (
        deeper := error.__cause__ or error.__context__
    ):
        error = deeper
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    message = error.strerror if isinstance(error, OSError) else None
    return one_line(message or str(error)) or type(error).__name__


def _pause_wanted(error: Exception) -> str:
    wanted = error.answer.headers.get("Retry-After", "") if isinstance(error, BadStatus) else ""
    return f"; it asks to wait {wanted} s" if wanted.isdigit() and len(wanted) < 8 else ""


_STATUSES = {
    401: ("it asks for a login", "`docker login` first."),
    403: ("this login has no permission", "Log in as somebody who may pull from it."),
    404: ("it has nothing by that name", "Check the spelling of repository and tag."),
    429: ("its limit of requests is reached", "Log in to it, or wait as long as it asks."),
}
