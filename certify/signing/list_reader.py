"""A published list, from a file or a web server: read within limits, and its signature verified."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from certify.model.errors import ListUnavailable, NotBelieved, UsageError
from certify.signing.published_list import PublishedList
from certify.signing.subjects import LIST, subject_digests
from certify.util.text import one_line

if TYPE_CHECKING:  # cryptography is imported only where there is a key
    from certify.signing.keys import PublicKey

LARGEST = 256 * 1024 * 1024
"""The limit of an unpacked list in bytes; one of 10,000 images has about seven million."""
TIMEOUT = 10.0
"""Seconds to wait for a web server's answer to begin, and for each part of it."""
_NOT_THERE = "Publish one with `certify publish`, or name another with --approved."
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def is_url(location: str) -> bool:
    """Return True if a location is a URL, and not a file."""
    return location.startswith(("http://", "https://"))


def without_password(location: str) -> str:
    """Return a location in a form to print and store: without the password of a URL."""
    return re.sub(r"(?<=://)[^/?#]*@", "", one_line(location)) if is_url(location) else location


def signature_location(location: str) -> str:
    """Return the location of a list's signature: beside it, with ``.sigstore`` in its name."""
    address, mark, query = location.partition("?") if is_url(location) else (location, "", "")
    return address.removesuffix(".json") + ".sigstore.json" + mark + query


_EXAMPLE = "Write for example https://lists.example/approved-images.json."


def check_location(location: str, key: PublicKey | None) -> None:
    """Raise :class:`UsageError` for a URL that is invalid, or not safe without a key."""
    if not is_url(location):
        return
    name = f"--approved {without_password(location)}"
    try:
        parts = urlsplit(location)
        host, _ = parts.hostname, parts.port  # an invalid port raises
    except ValueError as error:
        raise UsageError(f"{name}: this is no URL", remedy=_EXAMPLE) from error
    if not host:
        raise UsageError(f"{name}: this URL names no host", remedy=_EXAMPLE)
    if parts.scheme == "http" and key is None and host not in _THIS_MACHINE:
        raise UsageError(
            f"{name}: over http anybody on the way could change the list",
            remedy="Use https, or have the list's signature checked with --key.",
        )


def read_list(location: str, key: PublicKey | None, *, final: bool = False) -> PublishedList:
    """Read the list at a path or a URL, and verify its signature if there is a key.

    Unless ``final``, a signature of another file is read again, with the list: perhaps a new one
    was published between the two. Raises :class:`ListUnavailable` if the list cannot be read, and
    :class:`NotBelieved` if its signature is missing, invalid, or that of another file.
    """
    place = without_password(location)
    raw = _read(location)
    if raw is None:
        raise ListUnavailable(f"there is no list at {place}", remedy=_NOT_THERE)
    try:
        if key is not None:
            _verify(raw, location, key)
    except _OtherFile:
        if final:
            raise
        return read_list(location, key, final=True)
    return PublishedList.parse(raw, place)


class _OtherFile(NotBelieved):
    """The signature is valid, but that of other content."""


def _verify(raw: bytes, location: str, key: PublicKey) -> None:
    from certify.signing.envelope import Bundle  # noqa: PLC0415

    bundle = _read(signature_location(location))
    if bundle is None:
        raise NotBelieved("the list is not signed, but a key was given")
    statement = Bundle.parse(bundle).verify(key)
    if f"sha256:{hashlib.sha256(raw).hexdigest()}" not in subject_digests(statement, LIST):
        raise _OtherFile("the list is not the one that was signed: it was changed or exchanged")


def _read(location: str) -> bytes | None:
    """Return the whole content; None if there is none."""
    if is_url(location):
        return _download(location)
    try:
        with Path(location).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise ListUnavailable(f"{location}: {cause}", remedy=_NOT_THERE) from error
    if len(raw) > LARGEST:
        raise ListUnavailable(
            f"{location} is larger than {LARGEST >> 20} MiB: no list is", remedy=_NOT_THERE
        )
    return raw


def _download(url: str) -> bytes | None:
    # Imported here, because a list in a file needs no network and is read sooner without.
    from certify.util.http import HttpClient  # noqa: PLC0415

    try:
        with HttpClient(TIMEOUT, largest=LARGEST) as client:
            answer = client.request("GET", url, headers={"Cache-Control": "no-cache"}, redirects=0)
    except (OSError, ValueError) as error:
        raise ListUnavailable(
            f"{without_password(url)} cannot be read: {one_line(str(error))}",
            remedy="See that it is right and reachable from here, then try again.",
        ) from error
    if answer.status in (404, 410):
        return None
    if answer.status != 200:
        raise ListUnavailable(
            f"{without_password(url)} answers with status {answer.status}",
            remedy="See that it is right and may be read from here, then try again.",
        )
    return answer.content
