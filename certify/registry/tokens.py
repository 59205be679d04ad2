"""Authorization at registries: a password, or a token that it is exchanged for.

As "Token Authentication Specification" and "OAuth 2.0 token authentication" in the documentation
of the Distribution project have it, and the challenges of RFC 9110, section 11.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from certify.registry.transport import Connection
from certify.util.text import one_line

Login = tuple[str, str]
"""User and password; or :data:`IDENTITY` and an identity token."""
Credentials = Callable[[str], Login | None]
"""Returns the login for a registry's host, or None. Raises :class:`ImageUnavailable`."""
IDENTITY = "<token>"
"""The user in place of which a credential helper gives an identity token, as in its protocol
(docker-credential-helpers)."""
_PART = re.compile(r'([\w!#$%&\'*+.^`|~-]+)(\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?')
"""The name of a scheme, or a parameter and its value, which may be quoted."""


class LoginNeeded(Exception):
    """The registry refuses a request without a login, or with the one there is."""


def authorization(
    connection: Connection, challenge: str, login: Login | None, *, scope: str, plain_http: bool
) -> str:
    """Return the header ``Authorization`` that a ``WWW-Authenticate`` header calls for.

    ``scope`` is that of the token if the registry names none. With ``plain_http`` a token server
    may do without TLS, if the registry's address of it says so.
    Raises :class:`LoginNeeded` if the login is refused or of no use, ValueError, or what
    :meth:`Connection.request` raises.
    """
    schemes = _schemes(challenge)
    if parameters := schemes.get("bearer"):
        wanted = {"scope": scope} | parameters
        return f"Bearer {_token(connection, wanted, login, plain_http)}"
    if "basic" in schemes and login and login[0] != IDENTITY:
        return _basic(login)
    raise LoginNeeded


def _schemes(challenge: str) -> dict[str, dict[str, str]]:
    """Return the parameters of each scheme of a challenge; names in lower case."""
    schemes: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for part in _PART.finditer(challenge):
        name, value, quoted, bare = part.groups()
        if value is None:
            parameters = schemes.setdefault(name.lower(), {})
        else:
            parameters[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare or ""
    return schemes


def _token(
    connection: Connection, wanted: dict[str, str], login: Login | None, plain_http: bool
) -> str:
    realm = urlsplit(wanted.get("realm", ""))
    if realm.scheme not in ("http", "https") or not realm.netloc:
        raise ValueError(f"it names no token server, but {one_line(realm.geturl())!r}")
    url = realm._replace(scheme=realm.scheme if plain_http else "https").geturl()
    service = {"service": wanted["service"]} if "service" in wanted else {}
    if login and login[0] == IDENTITY:
        form = {**service, "scope": wanted["scope"], "client_id": "certify"}
        form |= {"grant_type": "refresh_token", "refresh_token": login[1]}
        # No redirect: the form has a secret in it.
        answer = connection.request("POST", url, data=form, redirects=0)
    else:
        query = {**service, "scope": wanted["scope"].split()}
        headers = {"Authorization": _basic(login)} if login else {}
        answer = connection.request("GET", url, params=query, headers=headers)
    if answer.status == 401:
        raise LoginNeeded
    found: Any = answer.checked().json()
    token = found.get("access_token") or found.get("token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise ValueError(f"its token server {one_line(realm.netloc)} gives no token")
    return token


def _basic(login: Login) -> str:
    return f"Basic {b64encode(':'.join(login).encode()).decode()}"
