"""``certify help``: the same as ``--help``."""

from __future__ import annotations

import pytest

from tests.conftest import Certify


@pytest.mark.parametrize("name", ["sweep", "keys"])
def test_it_shows_the_help_of_a_command(certify: Certify, name: str) -> None:
    ended = certify("help", name)
    assert ended.code == 0
    assert ended.out == certify(name, "--help").out == certify(name, "-h").out
    assert certify("help", name, "--format", "json").json()["help"] + "\n" == ended.out


def test_alone_it_shows_the_help_of_certify(certify: Certify) -> None:
    assert certify("help").out == certify("-h").out


def test_an_unknown_command_has_no_help(certify: Certify) -> None:
    ended = certify("help", "swep")
    assert ended.code == 2
    assert "certify has no command 'swep'" in ended.err
