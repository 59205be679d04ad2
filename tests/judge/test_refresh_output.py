"""The servers that the output of a failed refresh names."""

from __future__ import annotations

import pytest

from certify.judge.refresh_output import failed_servers, inside, led_by, remedy_inside
from tests.judge.test_control import DEAD_NAME, NO_DNS, PROXY, REFUSED


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (DEAD_NAME, ("http://nowhere.invalid",)),
        (NO_DNS, ("http://deb.debian.org",)),
        (REFUSED.format("mirror.corp"), ("http://mirror.corp",)),
        (PROXY.format("http://deb.debian.org/", "cacher.corp"), ("http://cacher.corp:3142",)),
        (PROXY.format("http://deb.debian.org/", "127.0.0.1"), ()),
        ("E: Failed to fetch https://x.corp/InRelease  Connection timed out", ("https://x.corp",)),
        ("Cannot initiate the connection to a.corp:8080 (2001::1). - connect (101: Network is "
         "unreachable)", ("http://a.corp:8080",)),
        ("Something wicked happened resolving 'a.corp:http' (-5 - No address)", ("http://a.corp",)),
        ("WARNING: Ignoring http://a.corp/v3/APKINDEX.tar.gz: DNS lookup error", ("http://a.corp",)),
        ("ERROR: https://a.corp/v3: network error (check Internet connection and firewall)",
         ("https://a.corp",)),
        ("  - Curl error (6): Couldn't resolve host name for https://a.corp/repo.xml [Could not "
         "resolve host: a.corp]", ("http://a.corp",)),
        ("error: failed retrieving file 'core.db' from a.corp : Could not resolve host: a.corp",
         ("http://a.corp",)),
        ("Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]", ()),
        ("E: Failed to fetch http://a.corp/Packages.xz  Hash Sum mismatch", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_failed_servers_are_those_that_could_not_be_connected_to(
    output: str, expected: tuple[str, ...]
) -> None:
    assert failed_servers(output) == expected


def test_folders_and_discs_among_the_repositories_are_inside_the_image() -> None:
    assert inside("[dir|dir:/srv/repo] Valid metadata not found at specified URL") == (
        "dir:/srv/repo"
    )
    assert inside("[dvd|cd:/?devices=/dev/sr0] Valid metadata not found at specified URL") == (
        "cd:/?devices=/dev/sr0"
    )
    assert remedy_inside("[dir|dir:/srv/repo] Valid metadata not found")
    assert not remedy_inside("E: Failed to fetch http://a.corp/InRelease  503")


def test_a_redirect_names_the_server_that_was_asked() -> None:
    line = "  - Curl error (6): x for http://a.corp/repomd.xml [Could not resolve host: b.corp]"
    assert led_by("b.corp", line) == "a.corp"
    assert led_by("a.corp", line) == ""
