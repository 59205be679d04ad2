"""A published list, from a file or a web server: read within limits, and its signature verified."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from certify.model.errors import ListUnavailable, NotBelieved, UsageError
from certify.signing.published_list import Hook, PublishedList
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
    return re.sub(r"\.json(\.gz)?$", "", address) + ".sigstore.json" + mark + query


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


def read_list(
    location: str, key: PublicKey | None, hook: Hook | None = None, *, final: bool = False
) -> PublishedList:
    """Read the list at a path or a URL, and verify its signature if there is a key.

    The list may be compressed with gzip; what is signed is its text. ``hook`` is as in
    :meth:`PublishedList.parse`. Unless ``final``, a signature of another file is read again, with
    the list: perhaps a new one was published between the two. Raises :class:`ListUnavailable` if
    the list cannot be read, and :class:`NotBelieved` if its signature is missing, invalid, or that
    of another file.
    """
    place = without_password(location)
    raw = _read(location)
    if raw is None:
        raise ListUnavailable(f"there is no list at {place}", remedy=_NOT_THERE)
    try:
        raw = _unpack(raw, place)
        if key is not None:
            _verify(raw, location, key)
        return PublishedList.parse(raw, place, hook)
    except (NotBelieved, ListUnavailable) as error:
        forget(location)
        if final or not isinstance(error, _OtherFile):
            raise
    return read_list(location, key, hook, final=True)


def forget(location: str) -> None:
    """Have a list and its signature sent whole the next time: these were refused."""
    if is_url(location):
        from certify.signing import list_cache  # noqa: PLC0415

        list_cache.forget(location)
        list_cache.forget(signature_location(location))


class _OtherFile(NotBelieved):
    """The signature is valid, but that of other content."""


def _verify(raw: bytes, location: str, key: PublicKey) -> None:
    import hashlib  # noqa: PLC0415

    from certify.signing.envelope import Bundle  # noqa: PLC0415
    from certify.signing.subjects import LIST, subject_digests  # noqa: PLC0415

    bundle = _read(signature_location(location))
    if bundle is None:
        raise NotBelieved("the list is not signed, but a key was given")
    statement = Bundle.parse(bundle).verify(key)
    if f"sha256:{hashlib.sha256(raw).hexdigest()}" not in subject_digests(statement, LIST):
        raise _OtherFile("the list is not the one that was signed: it was changed or exchanged")


def _unpack(raw: bytes, place: str) -> bytes:
    """Return the text of a list that may be compressed with gzip, within the limit."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    import zlib  # noqa: PLC0415

    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)  # 16: with the head of gzip
    try:
        text = unpacker.decompress(raw, LARGEST + 1)
    except zlib.error as error:
        raise _not_unpacked(place, str(error)) from error
    if len(text) > LARGEST:
        raise _too_large(place)
    if not unpacker.eof:
        raise _not_unpacked(place, "its end is missing")
    if unpacker.unused_data:
        raise _not_unpacked(place, "something follows its end")
    return text


def _not_unpacked(place: str, problem: str) -> ListUnavailable:
    return ListUnavailable(f"{place} cannot be unpacked: {problem}", remedy=_NOT_THERE)


def _too_large(place: str) -> ListUnavailable:
    return ListUnavailable(
        f"{place} is larger than {LARGEST >> 20} MiB: no list is", remedy=_NOT_THERE
    )


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
        raise _too_large(location)
    return raw


def _download(url: str) -> bytes | None:
    """Return what a web server has, or what is kept of it if the server says that it is the same.

    A broken file is asked for again, whole.
    """
    # Imported here, because a list in a file needs no network and is read sooner without.
    from certify.signing import list_cache  # noqa: PLC0415
    from certify.util.http import HttpClient  # noqa: PLC0415

    fields = {"Cache-Control": "no-cache", "Accept-Encoding": "gzip"}
    try:
        with HttpClient(TIMEOUT, largest=LARGEST) as client:
            kept = list_cache.find(url)
            conditions = kept.validators if kept else {}
            answer = client.request("GET", url, headers={**fields, **conditions}, redirects=0)
            if kept and answer.status == 304:
                if (content := kept.content()) is not None:
                    return content
                answer = client.request("GET", url, headers=fields, redirects=0)
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
    list_cache.keep(url, answer.headers, answer.content)
    return answer.content
