"""The fault behind a failed refresh: proven by a control, else left to the network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.judge.control import (
    MOST_SERVERS,
    Reach,
    attribute_refresh,
    control_urls,
    mirror,
    missing_repositories,
)
from certify.judge.diagnosis import diagnose
from certify.judge.refresh_output import inside
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


REMOTE = "http://nowhere.invalid"
NOT_PROVEN = None


@pytest.mark.parametrize(
    ("output", "found", "fault"),
    [
        # The name does not exist and the network works: the image names the wrong server.
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES}, Fault.IMAGE),
        # The server is down for everybody.
        (DEAD_NAME, {REMOTE: Reach.REFUSES, MIRROR: Reach.SERVES}, Fault.NETWORK),
        # One server is down; the other never existed.
        (
            REFUSED.format("mirror.corp") + "\n" + DEAD_NAME,
            {"http://mirror.corp": Reach.REFUSES, REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES},
            Fault.IMAGE,
        ),
        # It may be down for an hour, or overloaded.
        (DEAD_NAME, {REMOTE: Reach.NO_ANSWER, MIRROR: Reach.SERVES}, NOT_PROVEN),
        # Only a candidate does not reach it, through no fault of the image.
        (DEAD_NAME, {REMOTE: Reach.CLOSED, MIRROR: Reach.SERVES}, Fault.NETWORK),
        (DEAD_NAME, {REMOTE: Reach.HIDDEN, MIRROR: Reach.SERVES}, Fault.NETWORK),
        # Nothing works from the control either.
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.NO_ANSWER}, NOT_PROVEN),
        (DEAD_NAME, {REMOTE: Reach.NO_NAME, MIRROR: Reach.CONNECTS}, NOT_PROVEN),
        # No control could be tried.
        (DEAD_NAME, {}, NOT_PROVEN),
        (DEAD_NAME, {REMOTE: Reach.NOT_TRIED, MIRROR: Reach.SERVES}, NOT_PROVEN),
        # The distribution's own mirror is down for everybody.
        (NO_DNS, {"http://deb.debian.org": Reach.NO_NAME, MIRROR: Reach.NO_NAME}, NOT_PROVEN),
        # The control connects: the image itself prevents it.
        (NO_DNS, {"http://deb.debian.org": Reach.CONNECTS, MIRROR: Reach.SERVES}, Fault.IMAGE),
        # It served something before, so nothing in the image prevents it.
        (GIVEN + NO_DNS, {"http://deb.debian.org": Reach.SERVES, MIRROR: Reach.SERVES}, NOT_PROVEN),
        (
            f"Hit:1 {REMOTE}/debian x InRelease\n{DEAD_NAME}",
            {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES},
            NOT_PROVEN,
        ),
        # The transfer broke off: a control that reaches the server proves nothing.
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
        # The repository does not have the lists that its Release file names.
        (GIVEN + CUT.format(LISTS, "404  Not Found"), {MIRROR: Reach.SERVES}, Fault.NETWORK),
        (CUT.format(LISTS, "404  Not Found"), {MIRROR: Reach.SERVES}, NOT_PROVEN),
        (
            GIVEN.replace("bookworm", "trixie") + CUT.format(LISTS, "404  Not Found"),
            {MIRROR: Reach.SERVES},
            NOT_PROVEN,
        ),
        # A mirror without anything, and a suite that does not exist.
        (GONE, {MIRROR: Reach.CONNECTS}, Fault.NETWORK),
        (GONE, {MIRROR: Reach.SERVES}, NOT_PROVEN),
        # A private mirror without anything, and a release that it never had.
        (GONE_THERE, {MIRROR: Reach.SERVES}, Fault.NETWORK),
        (GONE_THERE, {ROOT: Reach.CONNECTS, BOOKWORM: Reach.CONNECTS}, Fault.NETWORK),
        (GONE_THERE, {ROOT: Reach.SERVES}, Fault.IMAGE),
        (GONE_THERE, {ROOT: Reach.CONNECTS, BOOKWORM: Reach.SERVES}, Fault.IMAGE),
        (f"Hit:1 {ROOT}debian bookworm InRelease\n{GONE_THERE}", {}, NOT_PROVEN),
        (f"Hit:1 http://mirror.corp:8/debian bookworm InRelease\n{GONE_THERE}", {}, Fault.NETWORK),
        # The source is inside the image, so no control is needed.
        (PROXY.format("http://deb.debian.org/", "127.0.0.1"), {}, Fault.IMAGE),
        (PROXY.format("http://deb.debian.org/", "localhost"), {}, Fault.IMAGE),
        ("E: Failed to fetch file:/srv/repo/./Packages  Hash Sum mismatch", {}, Fault.IMAGE),
        ("E: Failed to fetch http://a.corp/Packages.xz  Hash Sum mismatch", {}, NOT_PROVEN),
        ("Get:1 file:/srv/repo ./ Packages [20 B]", {}, NOT_PROVEN),
        ("E: Could not open file: permission denied", {}, NOT_PROVEN),
        # A full disk is never the fault of the image.
        (
            "E: Failed to fetch file:/srv/repo/Packages  write (28: No space left on device)",
            {},
            NOT_PROVEN,
        ),
    ],
)
def test_the_fault_of_a_failed_refresh(
    output: str, found: dict[str, Reach], fault: Fault | None
) -> None:
    attributed = attribute_refresh(output, DEBIAN, found)
    assert (attributed and attributed[0]) == fault


@pytest.mark.parametrize(
    ("output", "name"),
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
def test_network_errors_of_every_package_manager_are_known(output: str, name: str) -> None:
    cause = diagnose(output, where="packages")
    assert cause is not None
    assert (cause.name, cause.fault) == (
        name, Fault.IMAGE if name == "repository-gone" else Fault.NETWORK,
    )  # fmt: skip


def test_an_unknown_connection_error_is_attributed_to_the_network() -> None:
    attributed = attribute_refresh("error: http://a.corp/x: DNS: entry malformed", DEBIAN, {})
    assert attributed is not None
    assert attributed[0] is Fault.NETWORK


_LED = """\
Ign:1 http://gone.invalid/debian bookworm InRelease
Err:1 http://gone.invalid/debian bookworm InRelease
  Could not resolve 'gone.invalid'
E: Failed to fetch http://a.corp/debian/dists/bookworm/InRelease  Could not resolve 'gone.invalid'
"""


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (_LED, Fault.NETWORK),
        (_LED.replace("http://gone.invalid", "http://a.corp"), Fault.IMAGE),  # apt's proxy
        ("  - Curl error (6): Could not resolve hostname for http://a.corp/repomd.xml [Could not "
         "resolve host: gone.invalid]", Fault.NETWORK),
        ("error: failed retrieving file 'core.db' from a.corp:80 : Could not resolve host: "
         "gone.invalid", Fault.NETWORK),
        ("error: failed retrieving file 'core.db' from gone.invalid : Could not resolve host: "
         "gone.invalid", Fault.IMAGE),
        ("error: failed retrieving file 'core.db' from a.corp:80 : Could not resolve proxy: "
         "gone.invalid", Fault.IMAGE),
    ],
)  # fmt: skip
def test_a_name_that_a_server_redirects_to_is_that_servers_fault(output: str, fault: Fault) -> None:
    found = {"http://gone.invalid": Reach.NO_NAME, MIRROR: Reach.SERVES}
    attributed = attribute_refresh(output, DEBIAN, found)
    assert attributed is not None
    assert attributed[0] is fault
    assert ("a.corp redirects to gone.invalid" in attributed[1]) is (fault is Fault.NETWORK)


def test_a_repository_that_redirects_in_a_circle_is_not_missing() -> None:
    output = (
        f"Err:1 {ROOT}debian bookworm Release\n  Redirection loop encountered\n"
        f"E: The repository '{ROOT}debian bookworm Release' does not have a Release file.\n"
    )
    assert missing_repositories(output, DEBIAN) == {}
    cause = diagnose(output, where="packages")
    assert cause is not None
    assert (cause.name, cause.fault) == ("mirror-broken", Fault.NETWORK)
    absent = output.replace("Redirection loop encountered", "404  Not Found")
    assert list(missing_repositories(absent, DEBIAN)) == [f"{ROOT}debian"]


def test_a_proof_names_both_sides() -> None:
    attributed = attribute_refresh(DEAD_NAME, DEBIAN, {REMOTE: Reach.NO_NAME, MIRROR: Reach.SERVES})
    assert attributed is not None
    assert "nowhere.invalid does not exist" in attributed[1]
    assert "deb.debian.org serves it" in attributed[1]


def test_the_mirror_is_tried_with_failed_servers_or_if_it_lacks_a_document() -> None:
    assert control_urls(DEAD_NAME, DEBIAN) == (REMOTE, MIRROR)
    assert control_urls(GONE, DEBIAN) == (MIRROR,)
    assert control_urls("E: malformed entry", DEBIAN) == ()
    assert control_urls(DEAD_NAME, None) == (REMOTE,)


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
        # apt prints this for a server that it did not reach, too.
        (f"{REFUSED.format('mirror.corp')}\n{GONE_THERE}", {}),
        (GONE_THERE.replace("mirror.corp", "mirror.corp:0"), {}),
        (f"Get:1 {ROOT}debian bookworm/main [404 kB]", {}),
        (f"{ROOT}debian was fetched", {}),
    ],
)
def test_other_documents_are_tried_on_a_server_that_lacks_a_repository(
    line: str, expected: dict[str, tuple[str, ...]]
) -> None:
    assert missing_repositories(line, DEBIAN) == expected


def test_a_hostile_codename_changes_no_request() -> None:
    hostile = {"ID": "debian", "VERSION_CODENAME": "x HTTP/1.1\r\nHost: y"}
    assert missing_repositories(GONE_THERE, hostile) == {f"{ROOT}debian": (ROOT, f"{ROOT}debian/")}


def test_a_derived_distribution_has_the_mirror_of_its_parent() -> None:
    assert mirror({"ID": "raspbian", "ID_LIKE": "debian"}) == MIRROR
    assert mirror({"ID": "nobody-knows"}) is None
    assert mirror(None) is None


_LINES = st.sampled_from(
    [DEAD_NAME, NO_DNS, GONE, GONE_THERE, "404", "E: resolve ", "connect to ", "://", ":99999/"]
)


@given(st.lists(_LINES | st.text(max_size=40), max_size=12).map("".join))
def test_any_output_is_bearable_and_proves_nothing_without_a_control(
    output: str,
) -> None:
    assert len(missing_repositories(output, DEBIAN)) <= MOST_SERVERS
    urls = control_urls(output, DEBIAN)
    assert len(urls) <= 4 * MOST_SERVERS + 1
    attributed = attribute_refresh(output, DEBIAN, dict.fromkeys(urls, Reach.NO_ANSWER))
    inside = "inside the image itself"
    assert attributed is None or attributed[0] is Fault.NETWORK or inside in attributed[1]


def test_a_missing_key_is_not_taken_for_a_source_inside_the_image() -> None:
    output = (
        "Error: Failed to retrieve GPG key for repo 'world': Curl error (37): Couldn't read a "
        "file:// file for file:///etc/pki/key [Couldn't open file /etc/pki/key]"
    )
    assert attribute_refresh(output, None, {}) is None
    cause = diagnose(output, where="packages")
    assert cause is not None
    assert cause.name == "signing-key-file-missing"


def test_a_source_inside_the_image_that_is_signed_with_another_key_was_reached() -> None:
    output = (
        "W: GPG error: file:/opt/repo ./ InRelease: The following signatures couldn't be verified "
        "because the public key is not available: NO_PUBKEY 934F247FE52A4BE6\n"
        "E: The repository 'file:/opt/repo ./ InRelease' is not signed."
    )
    assert attribute_refresh(output, DEBIAN, {}) is None


@pytest.mark.parametrize(
    ("output", "place"),
    [
        ("E: The repository 'file:/opt/repo ./ Release' does not have a Release file.",
         "file:/opt/repo"),
        ("E: The repository 'cdrom://[Debian GNU/Linux 12 _Bookworm_] bookworm Release' does not "
         "have a Release file.", "cdrom://[Debian GNU/Linux 12 _Bookworm_]"),
        # A list of mirrors is a file, and its servers are elsewhere.
        ("E: Failed to fetch mirror+file:/etc/apt/mirrors/debian.list/dists/bookworm/InRelease  "
         "Could not resolve 'deb.debian.org'", ""),
    ],
)  # fmt: skip
def test_a_source_inside_the_image(output: str, place: str) -> None:
    assert inside(output) == place
    attributed = attribute_refresh(output, DEBIAN, {})
    assert bool(attributed and attributed[0] is Fault.IMAGE) is bool(place)


PACMAN_GONE = (
    "error: failed retrieving file 'core.db' from a.corp:8080 : The requested URL returned error: "
    "404"
)
APK_GONE = "WARNING: updating and opening http://a.corp:8080/oss: No such file or directory"
ZYPPER_GONE = " - [oss|http://a.corp:8080/oss] Repository type can't be determined."


@pytest.mark.parametrize(
    ("output", "repository"),
    [
        (PACMAN_GONE, "http://a.corp:8080"),
        (ZYPPER_GONE, "http://a.corp:8080/oss"),
        (APK_GONE, "http://a.corp:8080/oss"),
    ],
)
def test_repositories_that_other_managers_do_not_find(output: str, repository: str) -> None:
    root = "http://a.corp:8080/"
    assert root in missing_repositories(output, None)[repository]
    attributed = attribute_refresh(output, None, {root: Reach.SERVES})
    assert attributed is not None
    assert attributed[0] is Fault.IMAGE
    attributed = attribute_refresh(output, None, {})
    assert attributed is not None
    assert attributed[0] is Fault.NETWORK


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("Location 'http://a.corp/x/content' is temporarily unaccessible.", "mirror-broken"),
        ("Permission to access 'http://a.corp/x/content' denied.", "mirror-refuses"),
        ("  - Status code: 403 for http://a.corp/x/repodata/repomd.xml", "mirror-refuses"),
        (" - Signature verification failed for repomd.xml", "packages-not-signed"),
        ("error: failed to init transaction (unable to lock database)",
         "package-manager-locked-pacman"),
        ("error: cannot open Packages database in /var/lib/rpm", "package-database-damaged-rpm"),
        ("Warning: There are no enabled repositories defined.", "repositories-none"),
        (">>> repomd.xml GPG signature verification error: Signing key not found",
         "packages-not-signed"),
        (">>> repomd.xml GPG signature verification error: Bad PGP signature: key has expired",
         "signing-key-expired"),
        (">>> Status code: 404 for http://a.corp/repodata/repomd.xml.asc (IP: 192.0.2.9)\n"
         ">>> GPG verification is enabled, but GPG signature is not available.",
         "packages-not-signed"),
        (">>> Status code: 503 for http://a.corp/repodata/repomd.xml (IP: 192.0.2.9)",
         "mirror-broken"),
        ("error: failed retrieving file 'world.db.sig' from a.corp:80 : The requested URL returned "
         "error: 404", "packages-not-signed"),
        ("warning: Public keyring not found; have you run 'pacman-key --init'?\n"
         "error: failed to synchronize all databases (invalid or corrupted database (PGP "
         "signature))", "pacman-keyring-missing"),
        ("WARNING: updating and opening http://a.corp/x: Permission denied", "mirror-refuses"),
        ("WARNING: updating and opening http://a.corp/x: IO ERROR", "mirror-broken"),
        ("WARNING: updating and opening http://a.corp/x: UNTRUSTED signature",
         "signing-key-missing"),
        ("ERROR: Failed to open apk database: database file format error",
         "package-database-damaged"),
        ("error: could not lock database: Read-only file system\nerror: failed to synchronize all "
         "databases (unable to lock database)", "system-folder-read-only"),
    ],
)  # fmt: skip
def test_the_words_of_other_package_managers_are_diagnosed(output: str, name: str) -> None:
    cause = diagnose(output, where="packages")
    assert cause is not None
    assert cause.name == name
