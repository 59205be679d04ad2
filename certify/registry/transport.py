"""How a registry is reached: over TLS or not, with whose certificates, and with what patience.

Certificates and plain HTTP are as Docker has them: see "Verify repository client with
certificates" and "insecure-registries" in its documentation. Answers are nobody's to trust: none
is read without end, and none is waited for without end, from its first line to its last byte.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

CERTIFICATES = Path("/etc/docker/certs.d")
"""Holds a folder for each registry: authorities ``*.crt``, ours ``*.cert`` with its ``*.key``."""
LARGEST = 16 * 1024 * 1024
"""Bytes of an answer; registries limit manifests to 4 MiB, lists may be longer."""
LONGEST = 60.0
"""Seconds that reading one answer may take, however steadily it comes."""
LONGEST_LIST = 600.0
"""Seconds that all pages of a list may take."""
PATIENCE = 3
"""All pauses on one connection together are at most so many times its limit of time."""
SILENCES = 2
"""After so many requests in a row without an answer no more are made."""

# What is asked again: first after half a second, then after twice as long each time, or after as
# long as the registry says (RFC 9110, "Retry-After"); not at all if that is longer than patience.
_AGAIN = frozenset({429, 500, 502, 503, 504})
_PAUSES = (0.5, 1.0, 2.0, 4.0)


class _Once(Retry):
    """Asks again where nothing was said, but not where nothing was said for long."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> Self:
        """Raises MaxRetryError instead."""
        if isinstance(error, urllib3.exceptions.TimeoutError):
            raise urllib3.exceptions.MaxRetryError(_pool, str(url), error) from error
        return super().increment(method, url, response, error, _pool, _stacktrace)


# A kept connection may have been closed meanwhile; a certificate that is not trusted stays so.
_RETRIES = _Once(
    total=1,
    other=0,
    allowed_methods=("GET", "HEAD"),
    respect_retry_after_header=False,
    raise_on_status=False,
)


def session(host: str, timeout: float, *, again: bool = True) -> requests.Session:
    """A session for one registry, which waits ``timeout`` seconds for each answer to begin.

    It asks ``again`` where that may help. Raises ValueError, with the file's name in it, for a
    certificate that cannot be used.
    """
    made = _Session()
    adapter = Adapter(host, timeout, PATIENCE * timeout if again else 0)
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made


class _Session(requests.Session):
    """Logins are Docker's: `requests` by itself would put those of ~/.netrc in their place."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _as_it_is

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Somewhere else the login stays away; none takes its place."""
        before, after = str(response.request.url), str(prepared_request.url)
        if self.should_strip_auth(before, after):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Until(io.RawIOBase):
    """Reads from a connection until a moment; its own timeout bounds each single wait."""

    def __init__(self, under: io.RawIOBase, until: float) -> None:
        self._under = under
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._until:
            raise TimeoutError("the answer did not end in time")
        return self._under.readinto(buffer)

    def close(self) -> None:
        self._under.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer of which no part, its head included, is read for longer than :data:`LONGEST`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), time.monotonic() + LONGEST))


class Adapter(HTTPAdapter):
    """Connections for one registry, with the certificates that Docker would use."""

    def __init__(self, host: str, timeout: float, patience: float) -> None:
        self._trust = _context(CERTIFICATES / host)
        self._timeout = timeout
        self._patience = patience
        self._silences = 0
        self._trouble: requests.RequestException | None = None
        super().__init__(max_retries=_RETRIES)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Connections that trust what Docker does."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The same through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Connections, through a proxy or not, whose answers end in time."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls
        if kind.response_class is not _Answer:
            pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": _Answer})
        return pool

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Ask, and ask again where that may help; an answer is read whole.

        Raises :class:`requests.RequestException`, also for an answer without end, or if too much
        went unanswered before.
        """
        if self._silences >= SILENCES:
            raise requests.ConnectionError(str(self._trouble)) from self._trouble
        if is_loopback(urlsplit(str(request.url)).netloc.rpartition("@")[2]):
            kwargs["proxies"] = {}  # no proxy leads to this machine
        kwargs |= {"stream": True, "timeout": kwargs.get("timeout") or self._timeout}
        pauses = iter(_PAUSES if request.method in ("GET", "HEAD") else ())
        while True:
            answer = self._ask(request, *args, **kwargs)
            _read(answer)
            again = answer.status_code in _AGAIN
            pause = _asked_for(answer, next(pauses, None)) if again else None
            if pause is None or pause > self._patience:
                return answer
            self._patience -= pause
            time.sleep(pause)

    def _ask(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        try:
            answer = super().send(request, *args, **kwargs)
        except requests.exceptions.SSLError:
            raise  # that is an answer, too
        except (requests.ConnectionError, requests.Timeout) as error:
            self._silences, self._trouble = self._silences + 1, error
            raise
        self._silences = 0
        return answer


def _asked_for(answer: requests.Response, pause: float | None) -> float | None:
    """How long a registry asks to be left alone; else ``pause``."""
    if pause is None:
        return None
    with contextlib.suppress(urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return Retry().get_retry_after(answer.raw) or pause
    return pause


def _read(answer: requests.Response) -> None:
    """Read all of an answer. Raises :class:`requests.RequestException`."""
    found = bytearray()
    for part in answer.iter_content(1 << 16):
        found += part
        if len(found) > LARGEST:
            answer.close()
            raise requests.exceptions.ContentDecodingError(
                f"its answer is larger than {LARGEST >> 20} MiB"
            )
    # As requests itself does; there is no public way to say that it was read.
    answer._content = bytes(found)


def pages(most: int) -> Iterator[int]:
    """The numbers of a list's pages, from 1. Raises ValueError for a list that does not end."""
    until = time.monotonic() + LONGEST_LIST
    for number in range(1, most + 1):
        if time.monotonic() > until:
            break
        yield number
    raise ValueError("its list does not end")


def _context(folder: Path) -> ssl.SSLContext:
    """What the system trusts, and what Docker was told to trust for this registry."""
    context = ssl.create_default_context()
    if folder.is_dir():
        for authority in sorted(folder.glob("*.crt")):
            with _named(authority):
                context.load_verify_locations(authority)
        for mine in sorted(folder.glob("*.cert")):
            with _named(mine):
                context.load_cert_chain(mine, mine.with_suffix(".key"))
    return context


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{file} cannot be used: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether a registry's host is this machine itself; Docker trusts those without TLS."""
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    return name == "localhost"


def speaks_tls(asking: requests.Session, host: str) -> bool:
    """Whether it answers over TLS, trusted or not."""
    try:
        asking.head(f"https://{host}/v2/")
    except requests.exceptions.SSLError as error:
        return "CERTIFICATE" in str(error).upper()  # TLS it is, if not one that is trusted
    except requests.RequestException:
        return False
    return True
