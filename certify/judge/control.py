"""The fault behind a refresh of package lists that failed at the network. Pure.

"Could not resolve" looks the same without a network and for a host that does not exist; "404"
looks the same for a mirror that lost its files and for a release that never existed. A control
decides: certify's own container, on the same network and without anything of the image, tries the
same servers, other documents on them, and the distribution's own mirror (``mirrors.toml``). A
fault that this does not prove stays with the network, and the check inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache

from certify.judge.diagnosis import diagnose
from certify.judge.refresh_output import (
    UNREACHED,
    URL,
    failed_otherwise,
    failed_servers,
    host_of,
    inside,
    led_by,
    serving,
    url_of,
)
from certify.model.terms import Fault
from certify.util.toml import packaged

MOST_SERVERS = 3
"""Servers, and repositories, that the control tries; each may take seconds."""


class Reach(StrEnum):
    """The result of the control for one URL."""

    SERVES = "serves"
    """A web server has the document, or redirects to it."""
    CONNECTS = "connects"
    """A server accepts connections."""
    NO_NAME = "does not exist"
    """The containers' name server reports that there is no such name."""
    REFUSES = "takes no connections"
    """No server listens, or there is no route."""
    NO_ANSWER = "does not answer"
    """No answer in time: the server may be down, overloaded or out of reach."""
    CLOSED = "is closed to candidates"
    """The address is private, and certify's own rules refuse it to what is on that network."""
    HIDDEN = "is hidden from the candidate"
    """A network that a dockerd inside made has the same address."""
    NOT_TRIED = "could not be tried"


ControlResults = Mapping[str, Reach]
"""The results of the control, by URL."""
_REACHED = (Reach.SERVES, Reach.CONNECTS)
_BARRED = {
    Reach.CLOSED: "has a private address, which certify closes to candidates: if it is a mirror of"
    " yours, open it with --reach {0}",
    Reach.HIDDEN: "has an address that a network of the dockerd inside has, too: certify on a"
    " network with other addresses (--network NAME)",
}
"""The words for servers that only a candidate does not reach, through no fault of its own."""

_GONE = re.compile(
    r"\b404\b|\b410 +gone|not have a release file|repository type can't be determined"
    r"|opening https?://\S{1,300}: no such file",  # apk
    re.IGNORECASE,
)
# pacman names no address, only a server.
_PACMAN_GONE = re.compile(
    r"from (?P<host>[\w.-]{1,253})(?::(?P<port>\d{1,5}))? : the requested url returned error: 404",
    re.IGNORECASE,
)
_BY_SIGNATURE = (
    "apt-without-gpgv", "packages-not-signed", "signature-too-weak", "signing-key-file-missing",
    "signing-key-missing",
)  # fmt: skip
"""Causes that are in the image, wherever its sources are."""
_RELEASE = re.compile(r"^(?:get|hit):\d+ (?P<repository>\S+) (?P<suite>\S+) (?:in)?release\b", re.I)
_CODENAME = re.compile(r"[a-z0-9.-]{1,40}")


@cache
def _mirrors() -> dict[str, str]:
    mirrors = packaged("certify.judge", "mirrors.toml")["mirrors"]
    return {str(name): str(url) for name, url in mirrors.items()}


def mirror(os_release: Mapping[str, str] | None) -> str | None:
    """Return the URL of a document on the distribution's own mirror; None if it is unknown."""
    release = os_release or {}
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if name in _mirrors():
            return _mirrors()[name]
    return None


def missing_repositories(
    text: str, os_release: Mapping[str, str] | None
) -> dict[str, tuple[str, ...]]:
    """Map each repository that its server does not have to other documents to try there.

    Servers are left out that were not reached (apt prints the same for those), that served
    something else, failed in another way, or are the distribution's own mirror. Nothing is tried
    over TLS, which certify's own program does not speak.
    """
    ignored = failed_otherwise(text) | serving(text) | set(failed_servers(text))
    gone: dict[str, tuple[str, ...]] = {}
    own, codename = mirror(os_release), (os_release or {}).get("VERSION_CODENAME", "")
    for line in text.splitlines():
        for each in URL.finditer(line):
            server = url_of(each["host"], each["port"] or each[1])
            if _GONE.search(line) and server and not (own and host_of(server) == host_of(own)):
                repository = server + each["path"].partition("/dists/")[0]
                documents = [f"{server}/", f"{repository}/"]
                if _CODENAME.fullmatch(codename):
                    documents.append(f"{repository}/dists/{codename}/InRelease")
                http = server.startswith("http:")
                gone[repository] = tuple(dict.fromkeys(documents)) if http else ()
        if named := _PACMAN_GONE.search(line):
            server = url_of(named["host"], named["port"] or "80")
            if server and not (own and host_of(server) == host_of(own)):
                gone[server] = (f"{server}/",)
    found = [each for each in gone if not any(_within(each, server) for server in ignored)]
    return {repository: gone[repository] for repository in found[:MOST_SERVERS]}


def control_urls(text: str, os_release: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the URLs that the control should try; none if it could prove nothing."""
    own = mirror(os_release)
    others = [each for every in missing_repositories(text, os_release).values() for each in every]
    urls = (*failed_servers(text)[:MOST_SERVERS], *others)
    if not urls and not (own and _gone_from(own, text)):
        return ()
    return (*urls, own) if own else urls


def attribute_refresh(
    text: str, os_release: Mapping[str, str] | None, results: ControlResults
) -> tuple[Fault, str] | None:
    """Return the fault behind a failed refresh and its proof; None if a signature decides.

    ``text`` is the output of the package manager; ``results`` are those of the control for
    :func:`control_urls`.
    """
    cause = diagnose(text, where="packages")
    if cause is not None and cause.fault not in (Fault.IMAGE, Fault.NETWORK):
        return None  # a full disk or a wrong clock: a control proves nothing
    if cause is not None and cause.name in _BY_SIGNATURE:
        return None  # the source was reached, wherever it is
    if place := inside(text):
        return Fault.IMAGE, f"{place} is inside the image itself, where no network leads"
    proofs = [
        *_incomplete_repositories(text),
        *_unreached_servers(text, mirror(os_release), results),
        *_absent_repositories(text, os_release, results),
    ]
    # A proven fault of the image stays true, whatever else is out of order.
    proven = next((each for each in proofs if each[0] is Fault.IMAGE), next(iter(proofs), None))
    if proven is None and cause is None and (lost := failed_servers(text)):
        return Fault.NETWORK, f"the connection to {host_of(lost[0])} failed for an unknown reason"
    return proven


def _unreached_servers(
    text: str, own: str | None, results: ControlResults
) -> Iterator[tuple[Fault, str]]:
    """Yield the proven faults of servers that were not reached."""
    own_serves = own is not None and results.get(own) is Reach.SERVES
    unreached = set(failed_servers(text, UNREACHED)) - serving(text)
    for server in failed_servers(text):
        host, reach = host_of(server), results.get(server, Reach.NOT_TRIED)
        if reach in _BARRED:
            yield Fault.NETWORK, f"{host} {_BARRED[reach].format(host)}"
        elif reach in _REACHED and server in unreached:
            blocked = (
                f"certify's own container reaches {host} on the same network, and the image does "
                "not: check its name resolution, its proxy and its firewall"
            )
            yield Fault.IMAGE, blocked
        elif own and own_serves and host != host_of(own):
            dead = (
                f"{host} {reach} for certify's own container either, while {host_of(own)} serves "
                "it on the same network"
            )
            if reach is Reach.NO_NAME and (asked := led_by(host, text)):
                yield Fault.NETWORK, f"{asked} redirects to {host}, and {dead}"
            elif reach is Reach.NO_NAME and server in unreached:
                yield Fault.IMAGE, dead
            elif reach is Reach.REFUSES:
                yield Fault.NETWORK, f"{dead}: that server is down"


def _incomplete_repositories(text: str) -> Iterator[tuple[Fault, str]]:
    """Yield the faults of repositories that served a Release file, but not a list that it names.

    For a component or architecture that a repository does not have, apt fetches no list.
    """
    releases = [each for each in map(_RELEASE.match, text.splitlines()) if each]
    for line in text.splitlines():
        for url in URL.finditer(line) if _GONE.search(line) else ():
            for each in releases:
                if url[0].startswith(f"{each['repository'].rstrip('/')}/dists/{each['suite']}/"):
                    lacks = f"{url['host']} has a Release file, but not the lists that it names"
                    yield Fault.NETWORK, f"{lacks}: that mirror is being updated, or out of order"


def _absent_repositories(
    text: str, os_release: Mapping[str, str] | None, results: ControlResults
) -> Iterator[tuple[Fault, str]]:
    """Yield the proven faults of repositories that a server was reached for, but does not have."""
    own = mirror(os_release)
    if own and results.get(own) is not Reach.SERVES and _gone_from(own, text):
        name = f"{host_of(own)}, the distribution's own mirror,"
        yield Fault.NETWORK, f"{name} does not serve certify's own container either"
    for repository, documents in missing_repositories(text, os_release).items():
        host = host_of(repository)
        if served := [each for each in documents if results.get(each) is Reach.SERVES]:
            wrong = f"{host} does not have what the image's sources name, but serves {served[-1]}"
            yield Fault.IMAGE, f"{wrong} to certify's own container"
        else:
            empty = f"nothing shows that {host} serves anything, {repository} or other documents"
            yield Fault.NETWORK, f"{empty}: that mirror may be out of order"


def _gone_from(own: str, text: str) -> bool:
    """Return True if the distribution's own mirror does not have a document."""
    return host_of(own) in text and _GONE.search(text) is not None


def _within(url: str, server: str) -> bool:
    return f"{url}/".startswith(f"{server}/")
