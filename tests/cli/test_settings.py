"""``certify settings``: what holds and where it is from, without anybody's password."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Certify


def test_it_shows_values_and_where_they_are_from(certify: Certify, tmp_path: Path) -> None:
    (tmp_path / "certify.toml").write_text('memory = "1g"\n\n[sweep]\njobs = 3\n')
    ended = certify("settings", CERTIFY_SWEEP_FAIL_ON="never", CERTIFY_REPORTS="out")
    rows = [line.split() for line in ended.out.splitlines()]
    assert ended.code == 0
    assert rows[0] == ["file:", "certify.toml"]
    for row in (
        ["memory", "1g", "certify.toml:1"],
        ["reports", "out", "CERTIFY_REPORTS"],
        ["pull", "missing", "default"],
        ["runs", "1", "default"],
        ["sweep.jobs", "3", "certify.toml:4"],
        ["sweep.fail_on", "never", "CERTIFY_SWEEP_FAIL_ON"],
    ):
        assert row in rows
    assert not any(row[0] == "sweep.force" for row in rows)


def test_it_shows_what_a_table_sets_for_one_command_alone(certify: Certify, tmp_path: Path) -> None:
    address = "postgresql://team:hush@db.example/certify"
    (tmp_path / "certify.toml").write_text(
        f'[run]\nprofile = ["plain"]\n[sweep]\nledger = "{address}"\n'
    )
    ended = certify("settings")
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["run.profile", "plain", "certify.toml:2"] in rows
    assert ["profile", "devspace", "default"] in rows
    assert "team:***@" in ended.out
    assert "hush" not in ended.out


def test_a_file_of_other_tools_that_cannot_be_read_is_passed_over(
    certify: Certify, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff tool.other")
    assert certify("settings").out.startswith("file: none\n")
    (tmp_path / "pyproject.toml").write_bytes(b"\xff [tool.certify]")
    ended = certify("matrix")
    assert (ended.code, "Traceback" in ended.err) == (2, False)
    assert "pyproject.toml" in ended.err


def test_every_option_can_be_set(certify: Certify) -> None:
    found = certify("settings", "--all", "--format", "json").json()
    assert found["schema"] == "certify/settings/v1"
    keys = {each["key"]: each["value"] for each in found["settings"]}
    assert keys["profile"] == ["devspace"]
    assert keys["sweep.list"] == "images.txt"
    assert keys["publish.policy"] is None
    assert keys["sweep.force"] is False
    assert not {"help", "version", "run.images", "sweep.help"} & keys.keys()


def test_a_password_is_not_shown(certify: Certify) -> None:
    url = "postgresql://team:hush%40hush@db.example/certify?sslpassword=hush&password=hush"
    shown = "postgresql://team:***@db.example/certify?sslpassword=***&password=***"
    for words in ([], ["--format", "json"]):
        variables = {"CERTIFY_LEDGER": url, "CERTIFY_ENV": "POSTGRES_PASSWORD=hush A=hush"}
        ended = certify("settings", *words, **variables)
        assert "hush" not in ended.out + ended.err
        assert shown in ended.out
        assert "POSTGRES_PASSWORD=***" in ended.out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '[verify]\napproved = "https://gate:hush@host.example/list.json"',
            "https://gate:***@host.example/list.json",
        ),
        ('[sweep]\ncluster = "tcp://user:hush@h:1"', "tcp://user:***@h:1"),
        ('[sweep]\nsite_url = "https://me@team.example:hush@h/"', "https://me@team.example:***@h/"),
        ('[sweep]\nsite_url = "https://hush@h.example/"', "https://***@h.example/"),
        ('engine = ["arm64=tcp://user:hush@h:1"]', "arm64=tcp://user:***@h:1"),
        ('engine = ["arm64=ssh://user@h:1"]', "arm64=ssh://user@h:1"),
        ('[sweep]\nledger = "postgresql://me:hush@h/x"', "postgresql://me:***@h/x"),
    ],
)
def test_no_key_shows_the_password_of_an_address(
    certify: Certify, tmp_path: Path, text: str, shown: str
) -> None:
    (tmp_path / "certify.toml").write_text(text)
    for words in ([], ["--format", "json"]):
        ended = certify("settings", *words)
        assert "hush" not in ended.out + ended.err
        assert shown in ended.out


def test_it_works_with_an_unknown_key_as_every_command_that_needs_none(
    certify: Certify, tmp_path: Path
) -> None:
    (tmp_path / "certify.toml").write_text("x = 1\n")
    assert certify("settings").code == 2
    assert certify("help").code == certify("--version").code == 0
