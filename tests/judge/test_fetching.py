"""What a package manager that was ended while it fetched something says of servers."""

from __future__ import annotations

import pytest

from certify.judge.control import Reach
from certify.judge.fetching import is_fetching, named_repositories, silent_servers


@pytest.mark.parametrize(
    ("output", "fetching"),
    [
        ("Retrieving repository 'world' metadata [.", True),
        ("Hit:1 http://a.corp x InRelease\nGet:2 http://a.corp y InRelease [151 kB]", True),
        ("fetch http://a.corp/x86_64/APKINDEX.tar.gz", True),
        ("0% [Waiting for headers]", True),
        ("Ign:8 http://a.corp x/main Translation-en\nKilled\n", True),
        ("Get:1 http://a.corp y InRelease\nReading package lists...", False),
        ("Configure the keyboard? ", False),
        ("", False),
    ],
)
def test_what_was_being_fetched_at_the_end(output: str, fetching: bool) -> None:
    assert is_fetching(output) is fetching


def test_the_servers_that_sources_name_and_those_that_are_silent() -> None:
    sources = (
        "deb http://a.corp/debian x main\ndeb https://b.corp/ x main\nbaseurl=http://a.corp/rpm\n"
        "http://127.0.0.1/mine\nftp://c.corp/x\nhttp://d.corp/x\n"
    )
    urls = named_repositories(sources)
    assert urls == ("http://a.corp/debian", "https://b.corp/", "http://a.corp/rpm")
    results = {urls[0]: Reach.SERVES, urls[1]: Reach.NO_ANSWER}
    assert silent_servers(urls, results) == ["b.corp does not answer"]
