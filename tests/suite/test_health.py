"""How often the health check of a service is asked, and the program that it lacks."""

from __future__ import annotations

from typing import Any

import pytest

from certify.suite.health import asked_often, missing_program

SECOND = {"healthcheck": {"interval": "1s"}}


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (None, {}),
        ({"Test": ["NONE"]}, {}),
        ({"Test": ["CMD", "ping"]}, SECOND),
        ({"Test": ["CMD", "ping"], "Interval": 30 * 10**9}, SECOND),
        ({"Test": ["CMD", "ping"], "Interval": 10**8}, {}),
    ],
)
def test_a_health_check_is_asked_each_second_or_more_often(
    check: dict[str, Any] | None, told: dict[str, Any]
) -> None:
    assert asked_often({"Healthcheck": check}) == told


@pytest.mark.parametrize(
    ("said", "program"),
    [
        ("/bin/sh: 1: curl: not found\n", "curl"),
        ("bash: line 1: wget: command not found\n", "wget"),
        ('exec failed: exec: "pg_isready": executable file not found in $PATH', "pg_isready"),
        ("HTTP/1.1 404 Not Found", ""),
        ("curl: (7) Failed to connect", ""),
    ],
)
def test_the_program_that_a_health_check_lacks_is_named(said: str, program: str) -> None:
    assert missing_program(said) == program
