"""The user that Gitpod's workspaces run as."""

from certify.suite import Candidate, check

USER, UID = "gitpod", "33333"


@check(
    "gitpod.user",
    title="user gitpod",
    needs=("image.shell",),
    remedy="Create it: useradd --no-log-init --uid 33333 --create-home --shell /bin/bash gitpod.",
)
def test_user(candidate: Candidate) -> None:
    """The user `gitpod` is in the image with uid 33333, and can work in its home.

    Why: Gitpod starts everything as this number, and creates no user itself.

    How: its line in /etc/passwd, and, as that user, a file in its home.
    """
    text = (candidate.read_file("/etc/passwd") or b"").decode("utf-8", "replace")
    entries = [line.split(":") for line in text.splitlines()]
    entry = next((fields for fields in entries if fields[0] == USER and len(fields) > 6), None)
    assert entry is not None, f"there is no user {USER}"
    assert entry[2] == UID, f"{USER} has uid {entry[2]}, not {UID}"
    worked = candidate.host_as(USER).run("cd %s && echo written >certify && rm certify", entry[5])
    assert worked.rc == 0, f"{USER} cannot write to its home, {entry[5]}"
