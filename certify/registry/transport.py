"""Connections to registries: TLS as Docker does it, retries, and an end to all waiting.

Certificates and plain HTTP are as Docker has them: see "Verify repository client with
certificates" and "insecure-registries" in its documentation.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import urllib3

from certify.util.http import LARGEST, Answer, HttpClient
from certify.util.tls import trust

CERTIFICATES = Path("/etc/docker/certs.d")
"""Folder with a folder of certificates for each registry."""
LONGEST_LIST = 600.0
"""The limit of all pages of a list together, in seconds."""
PATIENCE = 3
"""The limit of all pauses of one connection together, as a multiple of its timeout."""
SILENCES = 2
"""The number of requests in a row without an answer after which no more are sent."""

_RETRIED = frozenset({429, 500, 502, 503, 504})
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each retry, unless the registry names another time (RFC 9110, "Retry-After")."""


class Connection(HttpClient):
    """A client of one server, with Docker's certificates for it.

    It retries GET and HEAD where the status says that this may help.
    """

    def __init__(
        self, host: str, timeout: float, *, retry: bool = True, verify: bool = True
    ) -> None:
        """Wait ``timeout`` seconds for each part of an answer; without ``verify`` trust anyone.

        Raises ValueError, naming the file, for a certificate that cannot be used.
        """
        context = trust(CERTIFICATES / host, verify=verify)
        super().__init__(timeout, largest=LARGEST, context=context)
        self._patience = PATIENCE * timeout if retry else 0
        self._silences = 0
        self._trouble: requests.RequestException | None = None

    def request(self, method: str, url: str, **request: Any) -> Answer:
        """Send a request, perhaps several times, and return the last answer.

        Raises :class:`requests.RequestException`, also if :data:`SILENCES` requests in a row went
        unanswered before, and ValueError.
        """
        pauses = iter(_PAUSES if method in ("GET", "HEAD") else ())
        while True:
            answer = self._send(method, url, **request)
            pause = next(pauses, None) if answer.status in _RETRIED else None
            if pause is not None:
                pause = retry_after(answer) or pause
            if pause is None or pause > self._patience:
                return answer
            self._patience -= pause
            time.sleep(pause)

    def _send(self, method: str, url: str, **request: Any) -> Answer:
        if self._silences >= SILENCES:
            raise requests.ConnectionError(str(self._trouble)) from self._trouble
        try:
            answer = super().request(method, url, **request)
        except requests.exceptions.SSLError:
            raise  # the server did answer
        except (requests.ConnectionError, requests.Timeout) as error:
            self._silences, self._trouble = self._silences + 1, error
            raise
        self._silences = 0
        return answer

    def speaks_tls(self, host: str) -> bool:
        """Return True if the host answers over TLS, with whatever certificate."""
        try:
            self.request("HEAD", f"https://{host}/v2/", redirects=0)
        except requests.exceptions.SSLError as error:
            return "CERTIFICATE" in str(error).upper()
        except requests.RequestException:
            return False
        return True


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or a date; None without."""
    with contextlib.suppress(urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return urllib3.Retry().parse_retry_after(answer.headers.get("Retry-After", ""))
    return None


def pages(most: int) -> Iterator[int]:
    """Yield the numbers of a list's pages, from 1.

    Raises ValueError for more than ``most`` pages, or if they take longer than
    :data:`LONGEST_LIST`.
    """
    until = time.monotonic() + LONGEST_LIST
    for number in range(1, most + 1):
        if time.monotonic() > until:
            break
        yield number
    raise ValueError("its list does not end")
