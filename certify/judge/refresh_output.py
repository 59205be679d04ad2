"""The output of a package manager whose refresh failed: the servers that it names. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Lines in which a package manager reports a failed connection.
_LOST = re.compile(
    r"resolv|connect|timed out|timeout was reached|unreachable|no route|bad address|dns[: ]"
    r"|network error|name or service|remote end closed",
    re.IGNORECASE,
)
# Lines in which it did not even reach a server. A transfer that broke off is not among them:
# there a control that reaches the server proves nothing.
UNREACHED = re.compile(
    r"resolv|bad address|name or service|dns[: ]|unreachable|no route|connection refused"
    r"|(could ?n.t|could not|unable to|failed to|cannot initiate the) connect",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"^ {0,2}(e|w|err|error|warning):?[: \d]|\berror\b|failed|metadata not found", re.IGNORECASE
)
# With a proxy, these name the proxy, and the URL names another host.
_NAMED = (
    re.compile(r"resolv\w{0,5}(?: host| proxy)?:? ['\"]?(?P<host>[\w.-]+)(?::(?P<port>\w+))?"),
    re.compile(r"connect(?:ion)? to:? (?P<host>[\w.-]+)(?:(?::| port )(?P<port>\d+))?"),
    re.compile(r"bad address '(?P<host>[\w.-]+?)(?::(?P<port>\d+))?'"),
)
URL = re.compile(
    r"\b(https?|ftp)://(?:[^\s/@]{0,80}@)?(?P<host>[\w.-]+)(?::(?P<port>\d+))?"
    r"(?P<path>(?:/[\w.~%+-]{1,80}){0,12})"
)
_REMEDY_INSIDE = (
    "Remove the source that names it from the image (apt: /etc/apt/sources.list and "
    "/etc/apt/sources.list.d; zypper: zypper removerepo NAME), or put in order what it names."
)
# Not mirror+file:, a list of servers.
_INSIDE = re.compile(
    r"(?<![\w+])(?:(?:file|copy|dir|cd|dvd):/[^\s'\"\]]*|cdrom:(?://)?\[[^]\n]{0,200}\]?)"
)
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[?::1\]?")
_LED = re.compile(
    r"(?:(?P<apt>failed to fetch) https?://|for https?://|from )(?P<asked>[\w.-]+)\S* .{0,120}?"
    r"could not resolve (?:host(?: name)?: )?'?(?P<host>[\w.-]+)",
    re.IGNORECASE,
)
"""A server that was asked, and another name that was not resolved: not that of a proxy."""
_OTHERWISE = re.compile(r"^Err:\d+ (https?://\S+) .*\n +(?!.*\b(?:404|410)\b)", re.MULTILINE)
"""Lines of apt about a repository that failed, but is not absent."""
_SERVED = re.compile(r"^(get|hit):\d", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_SCHEMES = {80: "http", 443: "https"}
_NOT_HOSTS = frozenset({"host", "hostname", "name", "names", "server", "the", "to"})


def failed_servers(text: str, lost: re.Pattern[str] = _LOST) -> tuple[str, ...]:
    """Return the URLs of servers that a package manager failed to connect to, without loopback.

    ``text`` is the output of the package manager. The order is that of the alphabet, as that of
    what is fetched at a time changes from one try to the next.
    """
    named, linked = [], []
    for line in text.splitlines():
        if not lost.search(line):
            continue
        for found in (match for pattern in _NAMED for match in pattern.finditer(line)):
            if found["host"].lower() not in _NOT_HOSTS:
                named.append(url_of(found["host"], found["port"] or "80"))
        if _ERROR.search(line):
            linked += [url_of(each["host"], each["port"] or each[1]) for each in URL.finditer(line)]
    every = {url for url in named or linked if url}
    return tuple(sorted(url for url in every if not _LOOPBACK.fullmatch(host_of(url))))


def led_by(host: str, text: str) -> str:
    """Return the server that redirected a package manager to a name; empty if none did.

    With a proxy, apt says that it is not resolved in the place of the server that was asked.
    """
    for line in text.splitlines():
        led = _LED.search(line)
        if (
            led
            and led["host"].lower().strip(".") == host != led["asked"].lower()
            and (not led["apt"] or re.search(rf"^Err:\d+ \w+://{re.escape(host)}[:/]", text, re.M))
        ):
            return str(led["asked"])
    return ""


def failed_otherwise(text: str) -> set[str]:
    """Return the servers of which apt says that a repository failed, and not that it is absent."""
    found = (URL.match(each) for each in _OTHERWISE.findall(text))
    return {url_of(each["host"], each["port"] or each[1]) for each in found if each}


def inside(text: str) -> str:
    """Return the URL of a source that is a file of the image or a server inside it, or nothing."""
    for line in text.splitlines():
        lost = _LOST.search(line)
        for found in (match for pattern in _NAMED for match in pattern.finditer(line) if lost):
            if _LOOPBACK.fullmatch(found["host"]):
                return str(found["host"])
        if _ERROR.search(line) and (baked := _INSIDE.search(line)):
            return baked[0]
    return ""


def remedy_inside(text: str) -> str:
    """Return the remedy for a source that is :func:`inside` the image, if there is one."""
    return _REMEDY_INSIDE * bool(inside(text))


def serving(text: str) -> set[str]:
    """Return the servers that served anything to the package manager."""
    served = (line for line in text.splitlines() if _SERVED.match(line))
    found = (each for line in served for each in URL.finditer(line))
    return {url_of(each["host"], each["port"] or each[1]) for each in found}


def url_of(host: str, service: str) -> str:
    """Return the URL of a host's root by a port or a scheme's name; empty if it is invalid."""
    port = int(service) if service.isdecimal() and len(service) < 6 else _PORTS.get(service, 80)
    host = host.lower().strip(".-")
    if not host or not 0 < port < 65536:
        return ""
    return f"{_SCHEMES.get(port, 'http')}://{host}" + ("" if port in _SCHEMES else f":{port}")


def host_of(url: str) -> str:
    """Return the host of a URL; empty if it has none."""
    return urlsplit(url).hostname or ""
