"""Whose fault a failed refresh is: what the control found decides, and what is unproven stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.control import (
    PLACES_AT_MOST,
    Reach,
    mirror,
    places,
    questions,
    repositories,
    weigh,
)
from certify.judge.diagnosis import diagnose
from certify.model.terms import Fault

DEBIAN = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
MIRROR = "http://deb.debian.org/debian/dists/stable/InRelease"
DEAD_NAME = """\
Ign:1 http://nowhere.invalid/debian bookworm InRelease
Get:2 http://deb.debian.org/debian bookworm-updates InRelease [55.4 kB]
Err:1 http://nowhere.invalid/debian bookworm InRelease
  Could not resolve 'nowhere.invalid'
E: Failed to fetch http://nowhere.invalid/debian/dists/bookworm/InRelease  Could not resolve \
'nowhere.invalid'
"""
REFUSED = (
    "E: Failed to fetch http://{0}/debian/dists/bookworm/InRelease  Could not connect to {0}:80 "
    "(192.0.2.9). - connect (111: Connection refused)"
)
NO_DNS = "W: Failed to fetch {}InRelease  Temporary failure resolving 'deb.debian.org'".format(
    "http://deb.debian.org/debian/dists/bookworm/"
)
PROXY = "E: Failed to fetch {}InRelease  Could not connect to {}:3142 (x). - connect (111: …)"
GONE = (
    "E: The repository 'http://deb.debian.org/debian bookwurm Release' does not have a Release "
    "file."
)

GIVEN = "Get:1 http://deb.debian.org/debian bookworm InRelease [151 kB]\n"
LISTS = "http://deb.debian.org/debian/dists/bookworm/main/binary-amd64/Packages"
CUT = "E: Failed to fetch {}  {}"
ROOT = "http://mirror.corp/"
BOOKWORM = f"{ROOT}debian/dists/bookworm/InRelease"
GONE_THERE = (
    "E: The repository 'http://mirror.corp/debian bookwurm Release' does not have a Release file."
)


@pytest.mark.parametrize(
    ("said", "expected"),
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
def test_only_places_that_were_not_come_through_to_are_asked_for(
    said: str, expected: tuple[str, ...]
) -> None:
    assert places(said) == expected


REMOTE = "http://nowhere.invalid"
NOT_PROVEN = None


@pytest.mark.parametrize(
    ("said", "found", "fault"),
    [
        # The name is dead and the network works: the image names the wrong place.
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES}, Fault.IMAGE),
        # The server is down, for everybody.
        (DEAD_NAME, {REMOTE: Reach.REFUSES, MIRROR: Reach.SERVES}, Fault.NETWORK),
        # One server is down; the other has never been there.
        (
            REFUSED.format("mirror.corp") + "\n" + DEAD_NAME,
            {"http://mirror.corp": Reach.REFUSES, REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES},
            Fault.IMAGE,
        ),
        # It may be down for an hour, or overloaded.
        (DEAD_NAME, {REMOTE: Reach.NO_ANSWER, MIRROR: Reach.SERVES}, NOT_PROVEN),
        # Nothing works from there.
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.NO_ANSWER}, NOT_PROVEN),
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.CONNECTS}, NOT_PROVEN),
        # Nobody could be asked.
        (DEAD_NAME, {}, NOT_PROVEN),
        (DEAD_NAME, {REMOTE: Reach.NOT_ASKED, MIRROR: Reach.SERVES}, NOT_PROVEN),
        # The distribution's own mirror is down for everybody.
        (NO_DNS, {"http://deb.debian.org": Reach.NO_NAME, MIRROR: Reach.NO_NAME}, NOT_PROVEN),
        # A control beside it comes through: the image stands in its own way.
        (NO_DNS, {"http://deb.debian.org": Reach.CONNECTS, MIRROR: Reach.SERVES}, Fault.IMAGE),
        # It gave something before, so nothing in the image keeps it from there.
        (GIVEN + NO_DNS, {"http://deb.debian.org": Reach.SERVES, MIRROR: Reach.SERVES}, NOT_PROVEN),
        (
            f"Hit:1 {REMOTE}/debian x InRelease\n{DEAD_NAME}",
            {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES},
            NOT_PROVEN,
        ),
        # It was reached, and stopped in the middle: that the control reaches it says nothing.
        *(
            (
                before + CUT.format(LISTS, how),
                {"http://deb.debian.org": Reach.SERVES, MIRROR: Reach.SERVES},
                NOT_PROVEN,
            )
            for before in ("", GIVEN)
            for how in (
                "Connection timed out",
                "Connection failed",
                "Error reading from server. Remote end closed connection",
                "Connection timed out [IP: 192.0.2.9 80]",
            )
        ),
        (
            "ERROR: http://a.corp/v3: network error (check Internet connection and firewall)",
            {"http://a.corp": Reach.SERVES},
            NOT_PROVEN,
        ),
        (
            "Curl error (28): Timeout was reached for http://a.corp/x [Operation too slow. "
            "Less than 1000 bytes/sec]",
            {"http://a.corp": Reach.SERVES},
            NOT_PROVEN,
        ),
        # Lists that the repository names by its Release file, and does not have.
        (GIVEN + CUT.format(LISTS, "404  Not Found"), {MIRROR: Reach.SERVES}, Fault.NETWORK),
        (CUT.format(LISTS, "404  Not Found"), {MIRROR: Reach.SERVES}, NOT_PROVEN),
        (
            GIVEN.replace("bookworm", "trixie") + CUT.format(LISTS, "404  Not Found"),
            {MIRROR: Reach.SERVES},
            NOT_PROVEN,
        ),
        # A mirror that has nothing at all, against a suite that does not exist.
        (GONE, {MIRROR: Reach.CONNECTS}, Fault.NETWORK),
        (GONE, {MIRROR: Reach.SERVES}, NOT_PROVEN),
        # A mirror of one's own that has nothing for anybody, against a release that it never had.
        (GONE_THERE, {MIRROR: Reach.SERVES}, Fault.NETWORK),
        (GONE_THERE, {ROOT: Reach.CONNECTS, BOOKWORM: Reach.CONNECTS}, Fault.NETWORK),
        (GONE_THERE, {ROOT: Reach.SERVES}, Fault.IMAGE),
        (GONE_THERE, {ROOT: Reach.CONNECTS, BOOKWORM: Reach.SERVES}, Fault.IMAGE),
        (f"Hit:1 {ROOT}debian bookworm InRelease\n{GONE_THERE}", {}, NOT_PROVEN),
        (f"Hit:1 http://mirror.corp:8/debian bookworm InRelease\n{GONE_THERE}", {}, Fault.NETWORK),
        # No network leads there, so no control is needed.
        (PROXY.format("http://deb.debian.org/", "127.0.0.1"), {}, Fault.IMAGE),
        (PROXY.format("http://deb.debian.org/", "localhost"), {}, Fault.IMAGE),
        ("E: Failed to fetch file:/srv/repo/./Packages  Hash Sum mismatch", {}, Fault.IMAGE),
        ("E: Failed to fetch http://a.corp/Packages.xz  Hash Sum mismatch", {}, NOT_PROVEN),
        ("Get:1 file:/srv/repo ./ Packages [20 B]", {}, NOT_PROVEN),
        ("E: Could not open file: permission denied", {}, NOT_PROVEN),
        # What the host ran out of is no fault of the image, wherever the repository is.
        (
            "E: Failed to fetch file:/srv/repo/Packages  write (28: No space left on device)",
            {},
            NOT_PROVEN,
        ),
    ],
)
def test_whose_fault_it_is(said: str, found: dict[str, Reach], fault: Fault | None) -> None:
    weighed = weigh(said, DEBIAN, found)
    assert (weighed and weighed[0]) == fault


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("WARNING: updating http://a/v3: could not connect to server (check repositories file)",
         "connection-failed"),
        ("ERROR: http://a.corp/v3: network error (check Internet connection and firewall)",
         "connection-failed"),
        ("WARNING: updating http://a.corp/v3: network connection aborted", "connection-failed"),
        ("WARNING: updating http://a.corp/v3: remote server returned error (try 'apk update')",
         "mirror-broken"),
        ("W: Failed to fetch http://a.corp/InRelease  Unable to connect to a.corp:http:",
         "connection-failed"),
        ("E: Failed to fetch http://a.corp/Packages  Undetermined Error", "connection-failed"),
        ("Error message: Recv failure: Connection reset by peer", "connection-failed"),
        ("error: failed retrieving file 'core.db' from a.corp : Recv failure: Connection reset by "
         "peer", "connection-failed"),
        *(
            ("Error: Failed to download metadata for repo 'base': Cannot download repomd.xml: All "
             f"mirrors were tried [Curl error ({code}): x]", "connection-failed")
            for code in (7, 18, 28, 35, 56)
        ),
        ("Error: Failed to download metadata for repo 'a': Yum repo downloading error: Downloading "
         "error(s): repodata/4c5e-primary.xml.gz - Cannot download, all mirrors were tried",
         "list-gone"),
        ("  - Status code: 404 for http://a.corp/repodata/4c5e-filelists.xml.gz (IP: 192.0.2.9)",
         "list-gone"),
        ("Error: Failed to download metadata for repo 'a': Cannot download repomd.xml: All mirrors "
         "were tried\n  - Status code: 404 for http://a.corp/repodata/repomd.xml (IP: 192.0.2.9)",
         "repository-gone"),
    ],
)  # fmt: skip
def test_every_package_manager_s_words_for_a_network_that_fails_are_known(
    said: str, name: str
) -> None:
    cause = diagnose(said, where="packages")
    assert cause is not None
    assert (cause.name, cause.fault) == (
        name, Fault.IMAGE if name == "repository-gone" else Fault.NETWORK,
    )  # fmt: skip


def test_what_did_not_come_through_for_no_known_reason_is_not_held_against_the_image() -> None:
    weighed = weigh("error: http://a.corp/x: DNS: entry malformed", DEBIAN, {})
    assert weighed is not None
    assert weighed[0] is Fault.NETWORK


def test_a_proof_names_both_sides() -> None:
    weighed = weigh(DEAD_NAME, DEBIAN, {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES})
    assert weighed is not None
    assert "nowhere.invalid does not exist" in weighed[1]
    assert "deb.debian.org serves it" in weighed[1]


def test_the_mirror_is_asked_along_with_what_failed_or_where_it_is_said_to_be_empty() -> None:
    assert questions(DEAD_NAME, DEBIAN) == (REMOTE, MIRROR)
    assert questions(GONE, DEBIAN) == (MIRROR,)
    assert questions("E: malformed entry", DEBIAN) == ()
    assert questions(DEAD_NAME, None) == (REMOTE,)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (GONE_THERE, {f"{ROOT}debian": (ROOT, f"{ROOT}debian/", BOOKWORM)}),
        (
            f"E: Failed to fetch {ROOT}debian/dists/bookworm/main/Packages  404  Not Found",
            {f"{ROOT}debian": (ROOT, f"{ROOT}debian/", BOOKWORM)},
        ),
        (
            "E: The repository 'https://mirror.corp/x ./ Release' does not have a Release file.",
            {"https://mirror.corp/x": ()},
        ),
        (GONE, {}),
        # apt says so of a server that it did not reach, too.
        (f"{REFUSED.format('mirror.corp')}\n{GONE_THERE}", {}),
        (GONE_THERE.replace("mirror.corp", "mirror.corp:0"), {}),
        (f"Get:1 {ROOT}debian bookworm/main [404 kB]", {}),
        (f"{ROOT}debian was fetched", {}),
    ],
)
def test_a_server_is_asked_for_what_else_it_should_have(
    line: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert repositories(line, DEBIAN) == expected


def test_what_an_image_says_of_itself_makes_no_other_request() -> None:
    hostile = {"ID": "debian", "VERSION_CODENAME": "x HTTP/1.1\r\nHost: y"}
    assert repositories(GONE_THERE, hostile) == {f"{ROOT}debian": (ROOT, f"{ROOT}debian/")}


def test_a_derived_distribution_is_known_by_what_it_is_like() -> None:
    assert mirror({"ID": "raspbian", "ID_LIKE": "debian"}) == MIRROR
    assert mirror({"ID": "nobody-knows"}) is None
    assert mirror(None) is None


_LINES = st.sampled_from(
    [DEAD_NAME, NO_DNS, GONE, GONE_THERE, "404", "E: resolve ", "connect to ", "://", ":99999/"]
)


@given(st.lists(_LINES | st.text(max_size=40), max_size=12).map("".join))
def test_whatever_an_image_prints_is_survived_and_proves_nothing_without_a_control(
    said: str,
) -> None:
    assert len(repositories(said, DEBIAN)) <= PLACES_AT_MOST
    asked = questions(said, DEBIAN)
    assert len(asked) <= 4 * PLACES_AT_MOST + 1
    weighed = weigh(said, DEBIAN, dict.fromkeys(asked, Reach.NO_ANSWER))
    inside = "inside the image itself"
    assert weighed is None or weighed[0] is Fault.NETWORK or inside in weighed[1]
