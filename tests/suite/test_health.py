"""How often the health check of a service is asked, and the program that it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from certify.suite.health import asked_often, defect

SECOND = {"healthcheck": {"interval": "1s"}}


def without_end(command: str) -> dict[str, Any]:
    """A health check that runs another command, each second."""
    return {"healthcheck": {"interval": "1s", "test": ["CMD-SHELL", command]}}


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (None, {}),
        ({"Test": ["NONE"]}, {}),
        ({"Test": ["CMD", "ping"]}, SECOND),
        ({"Test": ["CMD", "ping"], "Interval": 30 * 10**9}, SECOND),
        ({"Test": ["CMD", "ping"], "Interval": 10**8}, {}),
        ({"Test": ["CMD-SHELL", "kill -0 $(cat /run/pid)"]}, SECOND),
        ({"Test": ["CMD-SHELL", "kill -s 0 7 && /opt/kill-9.sh && skill"]}, SECOND),
    ],
)
def test_a_health_check_is_asked_each_second_or_more_often(
    check: dict[str, Any] | None, told: dict[str, Any]
) -> None:
    assert asked_often({"Healthcheck": check}) == told


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("curl -f localhost || kill 1", "curl -f localhost || false "),
        ("a || bash -c 'kill -s 15 -1 && (sleep 9; kill -9 -1)'",
         "a || bash -c 'false && (sleep 9; false )'"),
        ("a || /bin/kill $(cat /run/pid) || exit 1", "a || false || exit 1"),
        ('a || kill "$(cat /run/pid)"', 'a || false "$(cat /run/pid)"'),
        ("ping || { pkill -f server; }", "ping || { false ; }"),
    ],
)  # fmt: skip
def test_a_health_check_that_ends_the_service_only_fails(command: str, asked: str) -> None:
    check = {"Test": ["CMD-SHELL", command], "Interval": 10**10}
    assert asked_often({"Healthcheck": check}) == without_end(asked)


FILES = {
    "/usr/bin/there": "#!/bin/zsh -e", "/hc.sh": "#!/bin/bash\r", "/ok": "#!/bin/sh",
    "/bin/sh": "\x7fELF", "/app/tool": "\x7fELF",
}  # fmt: skip
"""The files of an image, and their first lines."""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("/bin/sh: 1: curl: not found\n", "curl, which the image does not have"),
        ("/bin/sh: curl: not found\n", "curl, which the image does not have"),
        ("bash: line 1: wget: command not found\n", "wget, which the image does not have"),
        ("/hc.sh: line 3: nc: command not found", "nc, which the image does not have"),
        (
            'exec failed: exec: "pg_isready": executable file not found in $PATH',
            "pg_isready, which the image does not have",
        ),
        ('exec: "/x/sh": stat /x/sh: no such file', "/x/sh, which the image does not have"),
        (
            "/bin/sh: 1: there: not found",
            "there, whose first line names /bin/zsh, which the image does not have",
        ),
        ("/bin/sh: 1: /hc.sh: not found", "/hc.sh, whose lines end as those of Windows do"),
        ("/bin/sh: 1: /ok: not found", None),
        ("/bin/sh: 1: tool: not found", None),
        ("table users: not found", None),
        ("psql: users: not found", None),
        ("HTTP/1.1 404 Not Found", None),
        ("curl: (7) Failed to connect", None),
    ],
)
def test_what_a_health_check_calls_and_lacks_is_named(said: str, cause: str | None) -> None:
    found = defect(said, ["PATH=/app:/usr/bin", "A=b"], FILES.get)
    assert (found and found.cause) == (cause and f"its HEALTHCHECK calls {cause}")
