"""Whose fault a refresh of package lists is that failed at the network. Pure.

"Could not resolve" looks the same where there is no network and where an image names a host that
does not exist; "404" where a mirror has lost all it had and where an image names a release that
it never had. A control tells: certify's own container, on the same network and with nothing of
the image in it, is asked for the same places, for other documents of theirs, and for the
distribution's own mirror (``mirrors.toml``). What cannot be proven so stays with the network, and
inconclusive.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from certify.judge.diagnosis import diagnose
from certify.model.terms import Fault

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

# Lines in which a package manager says that it did not come through.
_LOST = re.compile(
    r"resolv|connect|timed out|timeout was reached|unreachable|no route|bad address|dns[: ]"
    r"|network error|name or service|remote end closed",
    re.IGNORECASE,
)
# Those of them in which it did not even get as far as a server: what it began to give and did not
# end is none of these, for then the same control that reaches the server proves nothing.
_UNREACHED = re.compile(
    r"resolv|bad address|name or service|dns[: ]|unreachable|no route|connection refused"
    r"|(could ?n.t|could not|unable to|failed to|cannot initiate the) connect",
    re.IGNORECASE,
)
_ERROR = re.compile(r"^ {0,2}(e|w|err|error|warning):?[: \d]|\berror\b|failed", re.IGNORECASE)
# With a proxy in between, the one that is named here is not the one in the URL.
_NAMED = (
    re.compile(r"resolv\w{0,5}(?: host)?:? ['\"]?(?P<host>[\w.-]+)(?::(?P<port>\w+))?"),
    re.compile(r"connect(?:ion)? to:? (?P<host>[\w.-]+)(?:(?::| port )(?P<port>\d+))?"),
    re.compile(r"bad address '(?P<host>[\w.-]+?)(?::(?P<port>\d+))?'"),
)
_URL = re.compile(
    r"\b(https?|ftp)://(?:[^\s/@]{0,80}@)?(?P<host>[\w.-]+)(?::(?P<port>\d+))?"
    r"(?P<path>(?:/[\w.~%+-]{1,80}){0,12})"
)
_INSIDE = re.compile(r"\b(?:(?:file|copy):/|cdrom:(?://)?\[)[^\s'\"]*")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[?::1\]?")
_GONE = re.compile(r"\b404\b|not have a release file", re.IGNORECASE)
_GIVEN = re.compile(r"^(get|hit):\d", re.IGNORECASE)
_RELEASE = re.compile(r"^(?:get|hit):\d+ (?P<repository>\S+) (?P<suite>\S+) (?:in)?release\b", re.I)
_CODENAME = re.compile(r"[a-z0-9.-]{1,40}")
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


def places(text: str, lost: re.Pattern[str] = _LOST) -> tuple[str, ...]:
    """Where a package manager did not come through by its own words, as URLs, without loopback."""
    named, linked = [], []
    for line in text.splitlines():
        if not lost.search(line):
            continue
        for found in (match for pattern in _NAMED for match in pattern.finditer(line)):
            if found["host"].lower() not in _NOT_HOSTS:
                named.append(_url(found["host"], found["port"] or "80"))
        if _ERROR.search(line):
            linked += [_url(each["host"], each["port"] or each[1]) for each in _URL.finditer(line)]
    every = dict.fromkeys(url for url in named or linked if url)
    return tuple(url for url in every if not _LOOPBACK.fullmatch(_host(url)))


def repositories(text: str, os_release: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """Repositories that their servers say not to have, with other documents to ask those for.

    Left out are servers that were not reached, for apt says the same of those; that gave the
    package manager something else; and the distribution's own mirror. There is nothing to ask
    over TLS, which certify's own program does not speak.
    """
    told, gone = {*places(text), *_givers(text)}, dict[str, tuple[str, ...]]()
    own, codename = mirror(os_release), (os_release or {}).get("VERSION_CODENAME", "")
    for line in text.splitlines():
        for each in _URL.finditer(line):
            server = _url(each["host"], each["port"] or each[1])
            if _GONE.search(line) and server and not (own and _host(server) == _host(own)):
                repository = server + each["path"].partition("/dists/")[0]
                documents = [f"{server}/", f"{repository}/"]
                if _CODENAME.fullmatch(codename):
                    documents.append(f"{repository}/dists/{codename}/InRelease")
                http = server.startswith("http:")
                gone[repository] = tuple(dict.fromkeys(documents)) if http else ()
    found = [each for each in gone if not any(_within(each, server) for server in told)]
    return {repository: gone[repository] for repository in found[:PLACES_AT_MOST]}


def questions(text: str, os_release: Mapping[str, str] | None) -> tuple[str, ...]:
    """The URLs that a control has to be asked for; none if it could tell nothing."""
    own = mirror(os_release)
    others = [each for every in repositories(text, os_release).values() for each in every]
    asked = (*places(text)[:PLACES_AT_MOST], *others)
    if not asked and not (own and _gone_from(own, text)):
        return ()
    return (*asked, own) if own else asked


def weigh(
    text: str, os_release: Mapping[str, str] | None, answers: Answers
) -> tuple[Fault, str] | None:
    """Who is at fault, and a sentence that says why; null if a signature has to tell.

    ``text`` is what the package manager said, ``answers`` what the control found for
    :func:`questions`.
    """
    cause = diagnose(text, where="packages")
    if cause is not None and cause.fault not in (Fault.IMAGE, Fault.NETWORK):
        return None  # a full disk, a wrong clock: no control tells anything of that
    if inside := _inside(text):
        return Fault.IMAGE, f"{inside} is inside the image itself, where no network leads"
    proofs = [
        *_of_torn(text),
        *_of_lost(text, mirror(os_release), answers),
        *_of_absent(text, os_release, answers),
    ]
    # What is certain of the image stays true, whatever else is out of order.
    proven = next((each for each in proofs if each[0] is Fault.IMAGE), next(iter(proofs), None))
    if proven is None and cause is None and (lost := places(text)):
        return Fault.NETWORK, f"nothing came through from {_host(lost[0])}, and nothing shows why"
    return proven


def _of_lost(text: str, own: str | None, answers: Answers) -> Iterator[tuple[Fault, str]]:
    """What is proven of places that were not reached."""
    own_serves = own is not None and answers.get(own) is Reach.SERVES
    unreached = set(places(text, _UNREACHED)) - _givers(text)
    for place in places(text):
        host, reach = _host(place), answers.get(place, Reach.NOT_ASKED)
        if reach in _REACHED and place in unreached:
            blocked = (
                f"certify's own container reaches {host} on the same network, and the image does "
                "not: its name resolution, its proxy or its firewall keeps it from it"
            )
            yield Fault.IMAGE, blocked
        elif own and own_serves and host != _host(own):
            dead = (
                f"{host} {reach}, as certify's own container finds too, while {_host(own)} serves "
                "it on the same network"
            )
            if reach is Reach.NO_NAME and place in unreached:
                yield Fault.IMAGE, dead
            elif reach is Reach.REFUSES:
                yield Fault.NETWORK, f"{dead}: that server is down"


def _of_torn(text: str) -> Iterator[tuple[Fault, str]]:
    """What is proven of lists that a repository names, by what it gave, and does not have.

    Of a repository that has no such component or architecture apt says so, and asks for no list.
    """
    releases = [each for each in map(_RELEASE.match, text.splitlines()) if each]
    for line in text.splitlines():
        for url in _URL.finditer(line) if _GONE.search(line) else ():
            for each in releases:
                if url[0].startswith(f"{each['repository'].rstrip('/')}/dists/{each['suite']}/"):
                    lacks = f"{url['host']} gave its Release file, and has not the lists it names"
                    yield Fault.NETWORK, f"{lacks}: that mirror is being updated, or out of order"


def _of_absent(
    text: str, os_release: Mapping[str, str] | None, answers: Answers
) -> Iterator[tuple[Fault, str]]:
    """What is proven of repositories that a server was reached for, and does not have."""
    own = mirror(os_release)
    if own and answers.get(own) is not Reach.SERVES and _gone_from(own, text):
        what = f"{_host(own)}, the distribution's own mirror,"
        yield Fault.NETWORK, f"{what} does not serve certify's own container either"
    for repository, documents in repositories(text, os_release).items():
        host = _host(repository)
        if served := [each for each in documents if answers.get(each) is Reach.SERVES]:
            wrong = f"what the image's sources name on {host} does not exist, while it gives"
            yield Fault.IMAGE, f"{wrong} {served[-1]} to certify's own container"
        else:
            empty = f"nothing shows that {host} has anything at all, {repository} or else"
            yield Fault.NETWORK, f"{empty}: that mirror may be out of order"


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


def _givers(text: str) -> set[str]:
    """Servers that gave something, by the package manager's own words."""
    given = (line for line in text.splitlines() if _GIVEN.match(line))
    found = (each for line in given for each in _URL.finditer(line))
    return {_url(each["host"], each["port"] or each[1]) for each in found}


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


def _within(url: str, server: str) -> bool:
    return f"{url}/".startswith(f"{server}/")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
