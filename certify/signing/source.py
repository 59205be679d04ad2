"""A published list, from a file or over http(s): read whole, within bounds, and believed or not."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from certify.model.errors import ListUnavailable, NotBelieved, UsageError
from certify.signing.envelope import Bundle
from certify.signing.gate import Listed
from certify.signing.keys import Public
from certify.signing.statements import LIST, subjects
from certify.util.text import one_line

LARGEST = 64 * 1024 * 1024
"""Bytes; a list of 10,000 images has about seven million."""
TIMEOUT = 60.0
"""Seconds that a download may take in all."""
_NOT_THERE = "Publish one with `certify publish`, or name another with --approved."


def is_url(location: str) -> bool:
    """Whether a list is asked of a web server, and is not a file."""
    return location.startswith(("http://", "https://"))


def shown(location: str) -> str:
    """A location as it may be told and kept: without the password that a URL may hold."""
    return re.sub(r"(?<=://)[^/?#]*@", "", one_line(location)) if is_url(location) else location


def signature_of(location: str) -> str:
    """Where the signature of a list lies: beside it, with ``.sigstore`` in its name."""
    address, mark, query = location.partition("?") if is_url(location) else (location, "", "")
    return address.removesuffix(".json") + ".sigstore.json" + mark + query


def read_list(location: str, key: Public | None) -> Listed:
    """The list at a path or a URL; with a key, only if it was signed with it.

    Raises :class:`ListUnavailable` if it cannot be had or read, :class:`NotBelieved` if
    its signature is missing, does not hold or is about another file.
    """
    raw = _needed(location)
    if key is not None:
        try:
            _believe(raw, location, key)
        except _OtherFile:
            # Perhaps it was published anew between the two reads; a forgery stays one.
            raw = _needed(location)
            _believe(raw, location, key)
    return Listed.parse(raw, shown(location))


class _OtherFile(NotBelieved):
    """The signature is right, but of other bytes."""


def _believe(raw: bytes, location: str, key: Public) -> None:
    bundle = _read(signature_of(location))
    if bundle is None:
        raise NotBelieved("the list is not signed, and a key was asked for")
    statement = Bundle.parse(bundle).statement(key)
    if f"sha256:{hashlib.sha256(raw).hexdigest()}" not in subjects(statement, LIST):
        raise _OtherFile("the list is not the one that was signed: it was changed or exchanged")


def _needed(location: str) -> bytes:
    raw = _read(location)
    if raw is None:
        raise ListUnavailable(f"there is no list at {shown(location)}", remedy=_NOT_THERE)
    return raw


def _read(location: str) -> bytes | None:
    """All bytes; null if there is nothing."""
    if is_url(location):
        return _download(location)
    try:
        with Path(location).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise ListUnavailable(f"{location}: {told}", remedy=_NOT_THERE) from error
    _check_size(len(raw), location)
    return raw


def _download(url: str) -> bytes | None:
    # Not at the top: a list in a file is read without the network, and sooner.
    import requests  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    deadline = time.monotonic() + TIMEOUT
    raw, session = bytearray(), requests.Session()
    try:
        session.trust_env = urlsplit(url).hostname not in _HERE  # no proxy leads to this machine
        with (
            session,
            session.get(
                url,
                stream=True,
                timeout=10,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity", "Cache-Control": "no-cache"},
            ) as response,
        ):
            if response.status_code in (404, 410):
                return None
            if response.status_code != 200:
                raise ListUnavailable(f"{shown(url)} answers with status {response.status_code}")
            while chunk := response.raw.read1(1 << 16, decode_content=False):
                raw += chunk
                _check_size(len(raw), url)
                if time.monotonic() > deadline:
                    raise ListUnavailable(f"{shown(url)} takes longer than {TIMEOUT:g} s")
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise ListUnavailable(
            f"{shown(url)} cannot be read: {one_line(str(error))}",
            remedy="See that it is right and reachable from here, then try again.",
        ) from error
    return bytes(raw)


def _check_size(size: int, location: str) -> None:
    if size > LARGEST:
        raise ListUnavailable(f"{shown(location)} is larger than {LARGEST >> 20} MiB: no list is")


def check_location(location: str, key: Public | None) -> None:
    """Raises :class:`UsageError` for an address that cannot be trusted or understood."""
    if not is_url(location):
        return
    try:
        parts = urlsplit(location)
        host, _ = parts.hostname, parts.port  # which is checked when it is asked for
    except ValueError as error:
        raise UsageError(f"--approved {shown(location)}: this is no URL") from error
    if not host:
        raise UsageError(f"--approved {shown(location)}: this URL names no host")
    if parts.scheme == "http" and key is None and host not in _HERE:
        raise UsageError(
            f"--approved {shown(location)}: over http anybody on the way could change the list",
            remedy="Use https, or have the list's signature checked with --key.",
        )


_HERE = ("localhost", "127.0.0.1", "::1")
