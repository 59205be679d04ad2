"""Connections of ``requests`` with limits, for :mod:`certify.util.http`."""

from __future__ import annotations

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.utils import get_auth_from_url, select_proxy

LONGEST = 60.0
"""The limit of one answer in seconds, from the first byte of its head to its last byte."""


def login_of_url(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add the login that stands in the URL; with this set, ``requests`` reads no ``~/.netrc``."""
    user, password = get_auth_from_url(str(request.url))
    if user and "Authorization" not in request.headers:
        HTTPBasicAuth(user, password)(request)
    return request


class LimitedSession(requests.Session):
    """A session that follows no redirect: it would read the body of one without limit.

    It looks for proxies in the environment once for each server: that costs as much as a request.
    """

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str], Any] = {}

    def merge_environment_settings(self, url: str | bytes | None, *settings: Any) -> Any:
        """Return the settings of a request; all of a client's differ in nothing but the server."""
        parts = urlsplit(str(url))
        server = parts.scheme, parts.netloc
        if server not in self._settings:
            self._settings[server] = super().merge_environment_settings(url, *settings)
        return dict(self._settings[server])

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None."""
        return None


class _Until(io.RawIOBase):
    """Reads from a connection until a moment; the connection's timeout limits each wait."""

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


class _LimitedResponse(http.client.HTTPResponse):
    """A response of which no part, its head included, is read after :data:`LONGEST`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Until(self.fp.detach(), time.monotonic() + LONGEST))


class LimitedAdapter(HTTPAdapter):
    """Connections that limit the time of answers and trust what a TLS context does."""

    def __init__(
        self, context: ssl.SSLContext, pools: dict[str, urllib3.HTTPConnectionPool]
    ) -> None:
        """Put the connections to each server that no proxy leads to into ``pools``."""
        self._context = context
        self._direct = pools
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections, with the TLS context."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of connections by a proxy, with the TLS context."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool for a request, whose responses are limited in time."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        kind = pool.ConnectionCls
        if kind.response_class is not _LimitedResponse:
            pool.ConnectionCls = type(kind.__name__, (kind,), {"response_class": _LimitedResponse})
        if not select_proxy(str(request.url), proxies):
            parts = urlsplit(str(request.url))
            self._direct[f"{parts.scheme}://{parts.netloc}"] = pool
        return pool

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request, to this machine without a proxy."""
        if is_loopback(urlsplit(str(request.url)).netloc.rpartition("@")[2]):
            kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)


def is_loopback(host: str) -> bool:
    """Return True if a host, perhaps with its port, is this machine itself."""
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    return name == "localhost"
