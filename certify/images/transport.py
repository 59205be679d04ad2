"""How a registry is reached: over TLS or not, with whose certificates, and with what patience.

Certificates and plain HTTP are as Docker has them: see "Verify repository client with
certificates" and "insecure-registries" in its documentation. Answers are nobody's to trust: none
is read without end, and none is waited for without end.
"""

from __future__ import annotations

import contextlib
import ipaddress
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


def session(host: str, timeout: float) -> requests.Session:
    """A session for one registry, which waits ``timeout`` seconds for each answer to begin.

    Raises ValueError, with the file's name in it, for a certificate that cannot be used.
    """
    made = requests.Session()
    # Logins are Docker's; without this, `requests` would put one from ~/.netrc in their place.
    made.auth = _as_it_is
    adapter = Adapter(host, timeout)
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Adapter(HTTPAdapter):
    """Connections for one registry, with the certificates that Docker would use."""

    def __init__(self, host: str, timeout: float) -> None:
        self._trust = _context(CERTIFICATES / host)
        self._timeout = timeout
        self._patience = PATIENCE * timeout
        self._silences = 0
        self._trouble: requests.RequestException | None = None
        super().__init__(max_retries=_RETRIES)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Connections that trust what Docker does."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The same through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **kwargs)

    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Ask, and ask again where that may help.

        Raises :class:`requests.RequestException`, also for an answer without end, or if too much
        went unanswered before.
        """
        if self._silences >= SILENCES:
            raise requests.ConnectionError(str(self._trouble)) from self._trouble
        if is_loopback(urlsplit(str(request.url)).netloc.rpartition("@")[2]):
            kwargs["proxies"] = {}  # no proxy leads to this machine
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        pauses = iter(_PAUSES if request.method in ("GET", "HEAD") else ())
        while True:
            answer = self._ask(request, *args, **kwargs)
            again = answer.status_code in _AGAIN
            if again or not stream:
                _read(answer)
            pause = _asked_for(answer, next(pauses, None)) if again else None
            if pause is None or pause > self._patience:
                return answer
            self._patience -= pause
            time.sleep(pause)

    def _ask(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        try:
            answer = super().send(request, True, *args, **kwargs)
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
    until = time.monotonic() + LONGEST
    found = bytearray()
    try:
        # Not by blocks: one that comes byte by byte would be waited for as long as it likes.
        while part := answer.raw.read1(1 << 16, decode_content=True):
            found += part
            if len(found) > LARGEST:
                raise _endless(f"its answer is larger than {LARGEST >> 20} MiB")
            if time.monotonic() > until:
                raise _endless(f"its answer did not end within {LONGEST:g} s")
    except urllib3.exceptions.HTTPError as error:
        answer.close()
        raise requests.ConnectionError(error, request=answer.request) from error
    except requests.RequestException:
        answer.close()
        raise
    # As requests itself does; there is no public way to say that it was read.
    answer._content, answer._content_consumed = bytes(found), True  # type: ignore[attr-defined]


def _endless(said: str) -> requests.RequestException:
    return requests.exceptions.ContentDecodingError(said)


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
