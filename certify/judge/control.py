"""Whose fault a refresh of package lists is that failed at the network. Pure.

"Could not resolve" looks the same where there is no network and where an image names a host that
does not exist. A control tells: certify's own container, on the same network and with nothing of
the image in it, is asked for the same places and for the distribution's own mirror
(``mirrors.toml``). What cannot be proven so stays with the network, and inconclusive.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from certify.judge.diagnosis import diagnose
from certify.model import Fault

PLACES_AT_MOST = 3
"""Places that are asked for; each may take seconds."""


class Reach(StrEnum):
    """How far the control came with one address."""

    SERVES = "serves"
    """A web server has what was asked for (or says where it went)."""
    CONNECTS = "connects"
    """Somebody listens there."""
    NO_NAME = "does not exist"
    """The name server that containers are given says that there is no such name."""
    REFUSES = "takes no connections"
    """Nobody listens there, or there is no way there."""
    NO_ANSWER = "does not answer"
    """Nothing came in time: it may be down, or overloaded, or out of reach."""
    NOT_ASKED = "could not be asked"


Answers = Mapping[str, Reach]
"""What the control found, by URL."""
_REACHED = (Reach.SERVES, Reach.CONNECTS)
_DEAD = (Reach.NO_NAME, Reach.REFUSES)

# Lines in which a package manager says that it did not come through.
_LOST = re.compile(
    r"resolv|connect|timed out|timeout was reached|unreachable|no route|bad address|dns[: ]"
    r"|network error|name or service|remote end closed",
    re.IGNORECASE,
)
_ERROR = re.compile(r"^ {0,2}(e|w|err|error|warning):?[: \d]|\berror\b|failed", re.IGNORECASE)
# With a proxy in between, the one that is named here is not the one in the URL.
_NAMED = (
    re.compile(r"resolv\w{0,5}(?: host)?:? ['\"]?(?P<host>[\w.-]+)(?::(?P<port>\w+))?"),
    re.compile(r"connect(?:ion)? to:? (?P<host>[\w.-]+)(?:(?::| port )(?P<port>\d+))?"),
    re.compile(r"bad address '(?P<host>[\w.-]+?)(?::(?P<port>\d+))?'"),
)
_URL = re.compile(r"\b(https?|ftp)://(?:[^\s/@]{0,80}@)?(?P<host>[\w.-]+)(?::(?P<port>\d+))?")
_INSIDE = re.compile(r"\b(?:(?:file|copy):/|cdrom:(?://)?\[)[^\s'\"]*")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[?::1\]?")
_GONE = re.compile(r"\b404\b|not have a release file", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_SCHEMES = {80: "http", 443: "https"}
_NOT_HOSTS = frozenset({"host", "hostname", "name", "names", "server", "the", "to"})


@cache
def _mirrors() -> dict[str, str]:
    text = (resources.files("certify.judge") / "mirrors.toml").read_text(encoding="utf-8")
    return {str(name): str(url) for name, url in tomllib.loads(text)["mirrors"].items()}


def mirror(os_release: Mapping[str, str] | None) -> str | None:
    """A document that the distribution's own mirror serves as long as it works; null if unknown."""
    release = os_release or {}
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if name in _mirrors():
            return _mirrors()[name]
    return None


def places(text: str) -> tuple[str, ...]:
    """Where a package manager did not come through by its own words, as URLs, without loopback."""
    named, linked = [], []
    for line in text.splitlines():
        if not _LOST.search(line):
            continue
        for found in (match for pattern in _NAMED for match in pattern.finditer(line)):
            if found["host"].lower() not in _NOT_HOSTS:
                named.append(_url(found["host"], found["port"] or "80"))
        if _ERROR.search(line):
            linked += [_url(each["host"], each["port"] or each[1]) for each in _URL.finditer(line)]
    every = dict.fromkeys(url for url in named or linked if url)
    remote = [url for url in every if not _LOOPBACK.fullmatch(_host(url))]
    return tuple(remote[:PLACES_AT_MOST])


def questions(text: str, os_release: Mapping[str, str] | None) -> tuple[str, ...]:
    """The URLs that a control has to be asked for; none if it could tell nothing."""
    own = mirror(os_release)
    lost = places(text)
    if not lost and not (own and _gone_from(own, text)):
        return ()
    return (*lost, own) if own else lost


def weigh(
    text: str, os_release: Mapping[str, str] | None, answers: Answers
) -> tuple[Fault, str] | None:
    """Who is at fault, and a sentence that proves it; null if nothing is proven.

    ``text`` is what the package manager said, ``answers`` what the control found for
    :func:`questions`.
    """
    cause = diagnose(text, where="packages")
    if cause is not None and cause.fault not in (Fault.IMAGE, Fault.NETWORK):
        return None  # a full disk, a wrong clock: no control tells anything of that
    if inside := _inside(text):
        return Fault.IMAGE, f"{inside} is inside the image itself, where no network leads"
    own = mirror(os_release)
    own_serves = own is not None and answers.get(own) is Reach.SERVES
    for place in places(text):
        host, reach = _host(place), answers.get(place, Reach.NOT_ASKED)
        if reach in _REACHED:
            return Fault.IMAGE, (
                f"certify's own container reaches {host} on the same network, and the image does "
                "not: its name resolution, its proxy or its firewall keeps it from it"
            )
        if own and own_serves and host != _host(own) and reach in _DEAD:
            return Fault.IMAGE, (
                f"{host} {reach}, as certify's own container finds too, while {_host(own)} serves "
                "it on the same network"
            )
    if own and not own_serves and _gone_from(own, text):
        return Fault.NETWORK, (
            f"{_host(own)}, the distribution's own mirror, does not serve certify's own container "
            "either"
        )
    return None


def _inside(text: str) -> str:
    """What was looked for in the image itself, or on a server that would have to run in it."""
    for line in text.splitlines():
        lost = _LOST.search(line)
        for found in (match for pattern in _NAMED for match in pattern.finditer(line) if lost):
            if _LOOPBACK.fullmatch(found["host"]):
                return str(found["host"])
        if _ERROR.search(line) and (baked := _INSIDE.search(line)):
            return baked[0]
    return ""


def _gone_from(own: str, text: str) -> bool:
    """Whether the distribution's own mirror is said not to have what was asked for."""
    return _host(own) in text and _GONE.search(text) is not None


def _url(host: str, service: str) -> str:
    """The URL of a host's root, by a port's number or a scheme's name; empty if there is none."""
    port = int(service) if service.isdecimal() and len(service) < 6 else _PORTS.get(service, 80)
    host = host.lower().strip(".-")
    if not host or not 0 < port < 65536:
        return ""
    return f"{_SCHEMES.get(port, 'http')}://{host}" + ("" if port in _SCHEMES else f":{port}")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
