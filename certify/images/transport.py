"""How a registry is reached: over TLS or not, with whose certificates, and how often it is asked.

All as Docker does it: see "Verify repository client with certificates" and "insecure-registries"
in its documentation.
"""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

CERTIFICATES = Path("/etc/docker/certs.d")
"""Holds a folder for each registry: authorities ``*.crt``, ours ``*.cert`` with its ``*.key``."""

# What is asked again, with growing pauses or as long as the registry says (RFC 9110, Retry-After).
_RETRIES = Retry(
    total=4,
    connect=1,
    other=0,  # such as a certificate that is not trusted
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET", "HEAD"),
    backoff_factor=0.5,
    retry_after_max=60,
    raise_on_status=False,
)


class Adapter(HTTPAdapter):
    """Connections to one registry, with the certificates that Docker would use, and patience."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=_RETRIES)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Trust what the system trusts, and what Docker was told to trust for this registry."""
        folder = CERTIFICATES / self._host
        if folder.is_dir():
            kwargs["ssl_context"] = _context(folder)
        super().init_poolmanager(*args, **kwargs)


def _context(folder: Path) -> ssl.SSLContext:
    """Raises OSError, with the file's name in it, for one that cannot be used."""
    context = ssl.create_default_context()
    for authority in sorted(folder.glob("*.crt")):
        with _named(authority):
            context.load_verify_locations(authority)
    for mine in sorted(folder.glob("*.cert")):
        with _named(mine):
            context.load_cert_chain(mine, mine.with_suffix(".key"))
    return context


@contextlib.contextmanager
def _named(file: Path) -> Any:
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


def speaks_tls(host: str, timeout: float) -> bool:
    """Whether it answers over TLS, trusted or not."""
    try:
        requests.head(f"https://{host}/v2/", timeout=timeout)
    except requests.exceptions.SSLError as error:
        return "CERTIFICATE" in str(error).upper()  # TLS it is, if not one that is trusted
    except requests.RequestException:
        return False
    return True
