"""A package manager that was ended while it fetched something: is a server silent? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from certify.judge.control import MOST_SERVERS, ControlResults, Reach

# The last line while something is transferred.
_FETCHES = re.compile(r"^(get|ign|hit):\d|^fetch |retrieving|downloading|waiting for headers", re.I)
# The shell's word about a command that was killed.
_ENDED = re.compile(r"\s*^(Killed|Terminated)\s*\Z", re.MULTILINE)
_URL = re.compile(r"https?://(?!localhost\b|127\.|\[::1\])[^\s\"'\]$<>]{1,500}")
_REACHED = (Reach.SERVES, Reach.CONNECTS, Reach.NOT_TRIED)


def is_fetching(output: str) -> bool:
    """Return True if a package manager was fetching something at the end of its output."""
    lines = _ENDED.sub("", output).rstrip().splitlines()
    return bool(lines and _FETCHES.search(lines[-1]))


def named_repositories(sources: str) -> tuple[str, ...]:
    """Return the URLs of the first repositories that package sources name, without loopback."""
    return tuple(dict.fromkeys(_URL.findall(sources)))[:MOST_SERVERS]


def silent_servers(urls: Iterable[str], results: ControlResults) -> list[str]:
    """Return the servers that a control did not reach, such as ``a.corp does not answer``."""
    tried = ((urlsplit(url).hostname, results.get(url, Reach.NOT_TRIED)) for url in urls)
    return [f"{host} {reach}" for host, reach in tried if reach not in _REACHED]
