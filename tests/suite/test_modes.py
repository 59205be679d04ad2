"""Folders that are closed to the users of an image, by what ls prints."""

from __future__ import annotations

import pytest

from certify.suite.modes import OPEN_FOLDERS, closed, mode_for_root_alone

OPEN = "drwxr-xr-x 1 root root 40 Jan 1 00:00 /\ndrwxrwxrwt 9 root root 40 Jan 1 00:00 /usr\n"


@pytest.mark.parametrize(
    ("printed", "says", "helps"),
    [
        (OPEN, "", ""),
        ("", "", ""),  # no ls in the image
        ("ls: bad usage\n", "", ""),
        (f"{OPEN}drwxr-x--- 1 root root 40 Jan 1 00:00 /bin\n", "/bin in the image", "755 /bin"),
        (
            "drwxr-x---. 1 root root 4 Jan 1 00:00 /bin\ndrwxr-x---+ 1 r r 4 Jan 1 00:00 /usr/bin",
            "/usr/bin in the image is closed to all users but root",
            "chmod 755 /usr/bin",
        ),
        (f"read-only\n{OPEN}", "/etc is read-only", "findmnt /etc"),
        (
            f"read-only\n{OPEN}drwx------ 1 r r 4 Jan 1 00:00 /etc\n",
            "/etc in the image",
            "755 /etc",
        ),
    ],
)
def test_the_first_closed_folder_is_named(printed: str, says: str, helps: str) -> None:
    reason, remedy = closed(printed, OPEN_FOLDERS)
    assert says in reason
    assert helps in remedy
    assert bool(reason) is bool(says)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("srw-rw---- 1 0 996 0 Nov 30 07:00 /run/docker.sock\n", ""),
        ("srw------- 1 0 996 0 Nov 30 07:00 /run/docker.sock\n", "srw-------, of the group 996"),
        ("srw-rw---- 1 0 0 0 Nov 30 07:00 /run/docker.sock\n", "srw-rw----, of the group root"),
        ("srw-r----- 1 0 996 0 Nov 30 07:00 /run/docker.sock\n", "srw-r-----, of the group 996"),
        ("srw-rw-rw- 1 0 0 0 Nov 30 07:00 /run/docker.sock\n", ""),
        ("srw-rw----+ 1 0 0 0 Nov 30 07:00 /run/docker.sock\n", ""),
        ("srw-rw----    1 0        101              0 Nov 30 07:00 /run/docker.sock\n", ""),
        ("", ""),
    ],
)
def test_a_socket_is_for_more_than_root(listed: str, told: str) -> None:
    assert mode_for_root_alone(listed) == told
