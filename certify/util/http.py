"""HTTP with limits: no answer is read, or waited for, without end.

``requests`` alone limits single waits only, reads the body of a redirect whatever its size, and
sends logins of ``~/.netrc``. This client uses its documented points of extension to do neither.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.utils import parse_header_links

from certify.util.http_limits import LimitedAdapter, LimitedSession, login_of_url
from certify.util.tls import system_trust

LARGEST = 16 * 1024 * 1024
"""The default limit of an answer, in bytes."""
REDIRECTS = 5
"""The most redirects that one request follows."""

_SAFE = ("GET", "HEAD")
_REDIRECTS = (301, 302, 303, 307, 308)
_UNBOUNDED = ("br", "zstd")
"""Encodings that nobody asked for, of which a small part can be very large once it is decoded. So
can one that was encoded twice; of gzip a part grows a thousandfold at most, and is then counted."""
_ORDINARY = re.compile(r"(https?://[a-zA-Z0-9.:\[\]-]+)(/[a-zA-Z0-9/._:-]*)")
"""Addresses in which there is nothing to quote: the server, and a path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read whole."""

    status: int
    url: str
    headers: Mapping[str, str]
    """Header fields, by names in any case."""
    content: bytes

    def json(self) -> Any:
        """Return the content, parsed. Raises ValueError."""
        return json.loads(self.content)

    def checked(self) -> Self:
        """Return this answer. Raises :class:`BadStatus` unless its status is a success."""
        if not 200 <= self.status < 300:
            raise BadStatus(self)
        return self

    @property
    def next_page(self) -> str | None:
        """The address of the next page of a list, from ``Link``. Raises ValueError for none."""
        for link in parse_header_links(self.headers.get("Link", "")):
            if link.get("rel") == "next":
                return urljoin(self.url, link["url"])
        return None


class BadStatus(Exception):
    """An answer whose status is no success."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status} from {answer.url}")
        self.answer = answer


class HttpClient:
    """A client that keeps its connections open; a context manager, for one thread.

    A login comes from the caller or from the URL.
    """

    def __init__(
        self,
        timeout: float,
        *,
        largest: int = LARGEST,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Wait ``timeout`` seconds for a connection and for each part of an answer.

        ``largest`` limits an answer, in bytes. Any certificate will do for a context that verifies
        none.
        """
        self._timeout = timeout
        self._waits = urllib3.Timeout(connect=timeout, read=timeout)
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        self._largest = largest
        self._verify = context is None or context.verify_mode is not ssl.CERT_NONE
        if not self._verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._session = LimitedSession()
        self._session.auth = login_of_url
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            adapter = LimitedAdapter(context or system_trust(), self._pools)
            self._session.mount(scheme, adapter)
        self._fields = {name: str(value) for name, value in self._session.headers.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        redirects: int = REDIRECTS,
        **content: Any,
    ) -> Answer:
        """Send a request and return the answer, whatever its status.

        ``content`` is ``params`` or ``data``, as in requests. ``Authorization`` does not follow
        a redirect to another scheme, host or port.
        Raises :class:`requests.RequestException`, an OSError, or ValueError for an invalid URL.
        """
        sent = dict(headers or {})
        for _ in range(redirects + 1):
            answer = self._head(url, sent) if method == "HEAD" and not content else None
            if answer is None:
                with self._response(method, url, headers=sent, **content) as found:
                    body = self._body(found)
                    answer = Answer(found.status_code, found.url, found.headers, body)
            redirected = answer.status in _REDIRECTS and "Location" in answer.headers
            keeps_method = method in _SAFE or answer.status in (307, 308)
            if not redirects or not redirected or not keeps_method:
                return answer
            url = urljoin(answer.url, answer.headers["Location"])
            content.pop("params", None)
            if urlsplit(url)[:2] != urlsplit(answer.url)[:2]:
                sent.pop("Authorization", None)
        raise requests.TooManyRedirects(f"it redirects more than {redirects} times")

    def _head(self, url: str, headers: Mapping[str, str]) -> Answer | None:
        """Send a HEAD request to a server that answered before, at half the cost of ``requests``.

        Returns None if that fails, or the address is no ordinary one.
        """
        if not (parts := _ORDINARY.fullmatch(url)) or not (pool := self._pools.get(parts[1])):
            return None
        try:
            found = pool.urlopen(
                "HEAD", parts[2], headers={**self._fields, **headers}, timeout=self._waits,
                retries=False, redirect=False, assert_same_host=False,
            )  # fmt: skip
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.ReadTimeout(error) from error
        except urllib3.exceptions.HTTPError as error:
            if type(error) is urllib3.exceptions.ConnectTimeoutError:
                raise requests.ConnectTimeout(error) from error
            return None  # such as a kept connection that was closed meanwhile
        return Answer(found.status, url, found.headers, b"")

    def _response(
        self, method: str, url: str, *, final: bool = False, **request: Any
    ) -> requests.Response:
        """Send one request, and once more if a kept connection was closed meanwhile."""
        verify = None if self._verify else False
        try:
            return self._session.request(
                method, url, stream=True, timeout=self._timeout, verify=verify, **request
            )
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        except requests.ConnectionError as error:
            hopeless = isinstance(error, (requests.exceptions.SSLError, requests.Timeout))
            if final or hopeless or method not in _SAFE:
                raise
        return self._response(method, url, final=True, **request)

    def _body(self, response: requests.Response) -> bytes:
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if "," in encoding or encoding in _UNBOUNDED:
            raise requests.exceptions.ContentDecodingError(f"its answer is encoded as {encoding}")
        body = bytearray()
        for part in response.iter_content(1 << 16):
            body += part
            if len(body) > self._largest:
                raise requests.exceptions.ContentDecodingError(
                    f"its answer is larger than {self._largest >> 20} MiB"
                )
        return bytes(body)
