"""What it means that a registry did not answer as asked, in plain words."""

from __future__ import annotations

import requests
import urllib3

from certify.judge.diagnosis import diagnose
from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.util.text import one_line


def unavailable(what: str, error: Exception) -> ImageUnavailable:
    """What kept a registry from its answer, in plain words."""
    said = str(error) or type(error).__name__
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    if status in _STATUSES:
        cause, remedy = _STATUSES[status]
        kind = NoSuchImage if status == requests.codes.not_found else ImageUnavailable
        return kind(f"{what}: {cause}{_for_how_long(response)}", remedy=remedy, evidence=said)
    if status >= 500:
        cause = f"it answers with its own error {status}"
        return ImageUnavailable(f"{what}: {cause}", remedy="Try again later.", evidence=said)
    diagnosis = diagnose(said)
    if diagnosis is None:
        remedy = "See that the registry runs, and that its name is right."
        cause = _innermost(error)
        return ImageUnavailable(f"{what}: {cause}", remedy=remedy, evidence=said)
    return ImageUnavailable(
        f"{what}: {diagnosis.cause}",
        remedy=diagnosis.remedy,
        fault=diagnosis.fault,
        evidence=said,
    )


def _innermost(error: BaseException) -> str:
    """What the system said of a connection, without the layers around it."""
    while isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and (
        deeper := error.__cause__ or error.__context__
    ):
        error = deeper
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    told = error.strerror if isinstance(error, OSError) else None
    return one_line(told or str(error)) or type(error).__name__


def _for_how_long(response: requests.Response | None) -> str:
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return f"; it asks to be left alone for {asked} s" if asked.isdigit() and len(asked) < 8 else ""


_STATUSES = {
    401: ("it asks for a login", "`docker login` first."),
    403: ("this login may not", "Log in as somebody who may pull from it."),
    404: ("it has no such thing", "Check the spelling of repository and tag."),
    429: ("its limit of requests is reached", "Log in to it, or wait as long as it asks."),
}
