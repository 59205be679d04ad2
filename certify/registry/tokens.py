"""How to ask again where a registry wants to know who asks: with a password, or with a token.

As "Token Authentication Specification" and "OAuth 2.0 token authentication" in the documentation
of the Distribution project have it. (python-dxf knows neither identity tokens nor registries
without TLS that want tokens.)
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from dxf.exceptions import DXFUnauthorizedError
from www_authenticate import parse

from certify.util.text import one_line

Login = tuple[str, str]
"""User and password; or :data:`IDENTITY` and an identity token."""
Credentials = Callable[[str], Login | None]
"""Gives the login for a registry's host, or null. Raises :class:`ImageUnavailable`."""
IDENTITY = "<token>"
"""Stands for the user where a credential helper's secret is an identity token, as in its
protocol (docker-credential-helpers)."""


def authorization(
    asking: requests.Session,
    refusal: requests.Response,
    login: Login | None,
    *,
    scope: str,
    lax: bool,
    **request: Any,
) -> str:
    """The header ``Authorization`` that answers a refusal (status 401).

    ``scope`` is what a token is asked for if the registry does not say; ``lax`` lets a token
    server do without TLS, if the registry's address of it says so. ``request`` goes along with
    a request for a token. Raises DXFUnauthorizedError if there is no login that would do,
    ValueError, or what ``requests`` raises.
    """
    challenges = parse(refusal.headers.get("WWW-Authenticate", ""))
    bearer = challenges.get("bearer")
    if isinstance(bearer, dict):
        wanted = {"scope": scope} | {name.lower(): value for name, value in bearer.items()}
        return f"Bearer {_token(asking, wanted, login, lax, request)}"
    if "basic" in challenges and login and login[0] != IDENTITY:
        return _basic(login)
    raise DXFUnauthorizedError


def _token(
    asking: requests.Session,
    wanted: dict[str, str],
    login: Login | None,
    lax: bool,
    request: dict[str, Any],
) -> str:
    realm = urlsplit(wanted.get("realm", ""))
    if realm.scheme not in ("http", "https") or not realm.netloc:
        raise ValueError(f"it names no server of tokens, but {one_line(realm.geturl())!r}")
    url = realm._replace(scheme=realm.scheme if lax else "https").geturl()
    service = {"service": wanted["service"]} if "service" in wanted else {}
    if login and login[0] == IDENTITY:
        form = {
            "grant_type": "refresh_token",
            "client_id": "certify",
            "refresh_token": login[1],
            "scope": wanted["scope"],
            **service,
        }
        # Not to where it may be sent on to: the form has a secret in it.
        answer = asking.post(url, data=form, allow_redirects=False, **request)
    else:
        asked = {**service, "scope": wanted["scope"].split()}
        headers = {"Authorization": _basic(login)} if login else {}
        answer = asking.get(url, params=asked, headers=headers, **request)
    if answer.status_code == requests.codes.unauthorized:
        raise DXFUnauthorizedError
    answer.raise_for_status()
    found = answer.json()
    token = found.get("access_token") or found.get("token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise ValueError(f"{one_line(realm.netloc)}, where it sends us for a token, gives none")
    return token


def _basic(login: Login) -> str:
    return f"Basic {b64encode(':'.join(login).encode()).decode()}"
