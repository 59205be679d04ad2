"""Causes behind failures: every signature, and lines that look alike."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from certify.judge.diagnosis import LINE_LIMIT, TEXT_LIMIT, Signature, diagnose, signatures
from certify.model.terms import Fault
from tests.factories import UNKNOWN_FAILURE

ALL = signatures()


@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.name)
def test_every_signature_is_the_first_that_matches_its_example(signature: Signature) -> None:
    first = next((other.name for other in ALL if other.matches(signature.example)), None)
    assert first == signature.name
    assert "\n" not in signature.example


def test_names_are_unique_and_no_signature_is_for_the_tool() -> None:
    assert len({signature.name for signature in ALL}) == len(ALL)
    faults = {str(signature.fault) for signature in ALL}
    assert faults == {"image", "host", "launch", "network", "registry", "none"}


# Real lines; each group has causes that look alike.
@pytest.mark.parametrize(
    ("line", "name", "fault"),
    [
        # systemd
        (
            "Detected unsupported legacy cgroup hierarchy, refusing execution.",
            "systemd-needs-cgroup-v2",
            Fault.HOST,
        ),
        ("Refusing to run under cgroup v1", "systemd-refuses-cgroup-v1", Fault.HOST),
        (
            "Failed to create /machine.slice/libpod-40be.scope/init.scope control group: "
            "Read-only file system",
            "cgroups-read-only",
            Fault.LAUNCH,
        ),
        (
            "Failed to allocate manager object: Permission denied",
            "cgroups-read-only",
            Fault.LAUNCH,
        ),
        (
            "mkdir /sys/fs/cgroup/cpuset/docker: read-only file system: unknown.",
            "cgroups-read-only",
            Fault.LAUNCH,
        ),
        (
            "Failed to mount cgroup at /sys/fs/cgroup/systemd: Operation not permitted",
            "cgroup-mount-refused",
            Fault.LAUNCH,
        ),
        ("Failed to mount tmpfs at /run: Permission denied", "run-not-a-tmpfs", Fault.LAUNCH),
        (
            "Failed to mount tmpfs (type tmpfs) on /run (MS_NOSUID|MS_NODEV): "
            "Operation not permitted",
            "run-not-a-tmpfs",
            Fault.LAUNCH,
        ),
        (
            "systemd[1]: agent.service: Failed at step EXEC spawning /opt/a.sh: Exec format error",
            "unit-program-missing",
            Fault.IMAGE,
        ),
        (
            "a.service: Failed at step NAMESPACE spawning /bin/a: Operation not permitted",
            "unit-sandbox-refused",
            Fault.LAUNCH,
        ),
        # the host and its engine
        (
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "exec-format",
            Fault.HOST,
        ),
        (
            "standard_init_linux.go:228: exec user process caused: no such file or directory",
            "program-missing",
            Fault.IMAGE,
        ),
        (
            "unable to start container process: unable to apply caps: operation not permitted",
            "capability-refused",
            Fault.HOST,
        ),
        (
            "E: You don't have enough free space in /var/cache/apt/archives/.",
            "disk-full",
            Fault.HOST,
        ),
        (
            "agent.service: A process of this unit has been killed by the OOM killer.",
            "out-of-memory",
            Fault.LAUNCH,
        ),
        (
            "Error response from daemon: Unknown runtime specified sysbox-runc.",
            "runtime-unknown",
            Fault.HOST,
        ),
        # dockerd inside
        (
            "iptables v1.6.0: can't initialize iptables table `nat': Permission denied "
            "(you must be root)",
            "iptables-not-permitted",
            Fault.LAUNCH,
        ),
        (
            "iptables v1.8.4 (legacy): can't initialize iptables table `nat': "
            "Table does not exist (do you need to insmod?)",
            "iptables-against-kernel",
            Fault.HOST,
        ),
        (
            "iptables v1.8.5 (nf_tables):  CHAIN_ADD failed (No such file or directory): "
            "chain PREROUTING",
            "iptables-against-kernel",
            Fault.HOST,
        ),
        (
            "modprobe: FATAL: Module ip_tables not found in directory /lib/modules/6.1.0",
            "iptables-against-kernel",
            Fault.HOST,
        ),
        (
            "[graphdriver] 'overlay2' is not supported over overlayfs",
            "overlay-over-overlay",
            Fault.LAUNCH,
        ),
        # network, mirrors, clock
        ("curl: (6) Could not resolve host: get.example", "names-not-resolved", Fault.NETWORK),
        (
            "W: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  "
            "Could not resolve 'deb.debian.org'",
            "names-not-resolved",
            Fault.NETWORK,
        ),
        (
            "WARNING: fetching https://dl-cdn.alpinelinux.org/alpine/v3.23/main/x86_64/"
            "APKINDEX.tar.gz: DNS: transient error (try again later)",
            "names-not-resolved",
            Fault.NETWORK,
        ),
        (
            "ERROR: http://dl-cdn.alpinelinux.org/alpine/v3.9/main: temporary error "
            "(try again later)",
            "mirror-broken-apk",
            Fault.NETWORK,
        ),
        (
            "net/http: request canceled while waiting for connection (Client.Timeout exceeded "
            "while awaiting headers)",
            "connection-failed",
            Fault.NETWORK,
        ),
        (
            "dial tcp 203.0.113.7:443: i/o timeout",
            "connection-failed",
            Fault.NETWORK,
        ),
        (
            "Status code: 503 for https://mirror.example/repodata/repomd.xml",
            "mirror-broken",
            Fault.NETWORK,
        ),
        (
            "E: Failed to fetch http://deb.debian.org/x/Packages.xz  Hash Sum mismatch",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        (
            "W: GPG error: http://a.example bookworm InRelease: The following signatures were "
            "invalid: BADSIG 6ED0E7B82643E131 Debian Archive Automatic Signing Key",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        (
            "E: GPG error: http://a.example x Release: Signed file isn't valid, got 'NODATA' (does "
            "the network require authentication?)",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        (
            "Error: Failed to download metadata for repo 'a': repomd.xml parser error: Element "
            "<repomd> was not found - Bad repomd file",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        (
            "error: could not open file /var/lib/pacman/sync/core.db: Unrecognized archive format",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        # apt 3, by sqv
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: Sub-process "
            "/usr/bin/sqv returned an error code (1), error message is: Verifying signature:     "
            "       Message has been manipulated",
            "mirror-inconsistent",
            Fault.NETWORK,
        ),
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: The "
            "signatures couldn't be verified because no keyring is specified",
            "signing-key-missing",
            Fault.IMAGE,
        ),
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: Sub-process "
            "/usr/bin/sqv returned an error code (1), error message is: Missing key "
            "4D64FEC119C2029067D6E791F8D2585B8783D481, which is needed to verify signature.",
            "signing-key-missing",
            Fault.IMAGE,
        ),
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: Sub-process "
            "/usr/bin/sqv returned an error code (1), error message is: Error: Failed to parse "
            'keyring "/usr/share/keyrings/none.gpg"  Caused by:     0: Reading "x": No such file',
            "signing-key-missing",
            Fault.IMAGE,
        ),
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: Sub-process "
            "/usr/bin/sqv returned an error code (1), error message is: Signing key on D1 is "
            "bad:     The primary key is not live   because: Expired on 2024-01-31T00:00:00Z",
            "signing-key-expired-apt",
            Fault.HOST,
        ),
        (
            "W: OpenPGP signature verification failed: http://a.example x InRelease: Internal "
            "error: Cannot find gpgv",
            "apt-without-gpgv",
            Fault.IMAGE,
        ),
        (
            "E: Failed to fetch http://a.example/InRelease  429  Too Many Requests [IP: 192.0.2.7]",
            "mirror-refuses",
            Fault.NETWORK,
        ),
        (
            "E: Failed to fetch http://a.example/InRelease  451  Unavailable For Legal Reasons",
            "mirror-refuses",
            Fault.NETWORK,
        ),
        (
            "E: Failed to fetch http://a.example/InRelease  Redirection loop encountered",
            "mirror-broken",
            Fault.NETWORK,
        ),
        (
            "E: Failed to fetch http://archive.ubuntu.com/ubuntu/pool/main/c/curl/curl_8.deb  "
            "404  Not Found [IP: 203.0.113.7 80]",
            "package-file-gone",
            Fault.NETWORK,
        ),
        (
            "E: Release file for http://archive.ubuntu.com/ubuntu/dists/jammy/InRelease is not "
            "valid yet (invalid for another 7h 39min 41s).",
            "clock-behind",
            Fault.HOST,
        ),
        # registries
        (
            "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
            "registry-rate-limit",
            Fault.REGISTRY,
        ),
        (
            "Error response from daemon: manifest for debian:99 not found: manifest unknown",
            "registry-no-such-image",
            Fault.REGISTRY,
        ),
        # the image
        (
            "Err:7 http://deb.debian.org/debian stretch Release 404  Not Found [IP: 203.0.113.7]",
            "repository-gone",
            Fault.IMAGE,
        ),
        (
            "E: The repository 'https://apt.example xenial Release' does not have a Release file.",
            "repository-gone",
            Fault.IMAGE,
        ),
        (
            "E: Failed to fetch http://a.example/dists/x/InRelease  410  Gone [IP: 192.0.2.7 80]",
            "repository-gone",
            Fault.IMAGE,
        ),
        ("E: Unable to locate package systemd-sysv", "package-unknown", Fault.IMAGE),
        ("E: Package 'docker.io' has no installation candidate", "package-unknown", Fault.IMAGE),
        ("  systemd (no such package):", "package-unknown", Fault.IMAGE),
        ("Error: Unable to find a match: docker", "package-unknown", Fault.IMAGE),
        ("The following packages have unmet dependencies:", "dependencies-unmet", Fault.IMAGE),
        (
            "bob is not in the sudoers file.  This incident will be reported.",
            "sudo-not-allowed",
            Fault.IMAGE,
        ),
        (
            'exec: "/sbin/init": stat /sbin/init: no such file or directory: unknown',
            "program-missing",
            Fault.IMAGE,
        ),
    ],
)
def test_real_lines(line: str, name: str, fault: Fault) -> None:
    found = diagnose(f"Reading package lists...\n{line}\nthe end\n")
    assert found is not None
    assert (found.name, found.fault, found.line) == (name, fault, line.strip())
    assert found.cause
    assert found.remedy


@pytest.mark.parametrize(
    "line",
    [
        "",
        "systemd[1]: Reached target multi-user.target - Multi-User System.",
        "Setting up libgpg-error0:amd64 (1.46-1) ...",
        "Couldn't move remaining userspace processes, ignoring: Input/output error",
        "sudo: unable to resolve host 3f2a8c1b7d90: Temporary failure in name resolution",
        # Connections inside the container are not the network.
        "curl: (7) Failed to connect to localhost port 80: Connection refused",
        "dial tcp 127.0.0.1:2375: connect: connection refused",
        "dial unix /var/run/docker.sock: connect: connection refused",
        "Failed to connect to bus: Connection refused",
        "Failed to connect to bus: Connection timed out",
        "Timed out waiting for device dev-ttyS0.device - /dev/ttyS0.",
        "At least 4KB more space needed on the /sys filesystem.",  # the kernel's, never a disk
        "Starting systemd-oomd.service - Userspace Out-Of-Memory (OOM) Killer...",
    ],
)
def test_lines_without_a_cause(line: str) -> None:
    assert diagnose(line) is None


def test_the_order_of_signatures_decides() -> None:
    text = """\
E: Unable to locate package curl
Err:1 http://deb.debian.org/debian bookworm InRelease
  Temporary failure resolving 'deb.debian.org'
"""
    found = diagnose(text)
    assert found is not None
    assert found.name == "names-not-resolved"
    full = diagnose(text + "tar: write error: No space left on device\n")
    assert full is not None
    assert full.name == "disk-full"


def test_where_narrows_the_search() -> None:
    line = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    assert diagnose(line, where="journal") is None
    for where in ("launch", "pull", None):
        found = diagnose(line, where=where)
        assert found is not None
        assert found.fault is Fault.HOST
    assert diagnose("no space left on device", where="journal") is not None


def test_case_colour_and_carriage_returns_do_not_matter() -> None:
    text = "10%\r50%\r\x1b[31mE: UNABLE to Locate Package\x1b[0m curl\x00"
    found = diagnose(text)
    assert found is not None
    assert found.line == "E: UNABLE to Locate Package curl"


def test_only_the_beginning_of_a_line_and_both_ends_of_a_text_are_read() -> None:
    sign = "no space left on device"
    filler = "all is well here\n" * (TEXT_LIMIT // 17 + 1)
    assert diagnose("x" * LINE_LIMIT + sign) is None
    assert diagnose(sign + "\n" + filler) is not None
    assert diagnose(filler + sign) is not None
    assert diagnose(filler + sign + "\n" + filler) is None


@pytest.mark.parametrize(
    "pattern", ["something.*else", "something.+else", "something{3,}", "(some|thing)+"]
)
def test_unbounded_quantifiers_are_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="no upper bound"):
        Signature(name="a", pattern=pattern, cause="c", fault="none", remedy="r", example="e")


@pytest.mark.parametrize("length", [4, 12, 30])
def test_hostile_lines_take_no_longer_than_others(length: int) -> None:
    # Repeated beginnings of the examples keep the patterns busiest.
    lines = [(sign.example[:length] * LINE_LIMIT)[: LINE_LIMIT - 1] for sign in ALL]
    began = time.process_time()
    diagnose("\n".join(lines))
    assert time.process_time() - began < 5


@given(st.text())
def test_any_text_is_bearable(text: str) -> None:
    diagnose(text)


def test_an_unknown_failure_has_no_cause() -> None:
    assert diagnose(UNKNOWN_FAILURE) is None
