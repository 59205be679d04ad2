"""The options of commands that certify."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from certify.cli.certification_options import CertificationOptions
from certify.cli.main import main
from certify.model.errors import UsageError
from tests.conftest import Certify


def parse(*words: str) -> CertificationOptions:
    return options_of(main.commands["run"].make_context("run", [*words, "debian:12"]))


def options_of(context: click.Context) -> CertificationOptions:
    fields = CertificationOptions.__dataclass_fields__
    return CertificationOptions(**{name: context.params[name] for name in fields})


def test_each_platform_has_one_engine(certify: Certify) -> None:
    both = parse("--engine", "arm64=ssh://a", "--engine", "arm/v7=tcp://b:1")
    assert both.addresses == {"linux/arm64": "ssh://a", "linux/arm/v7": "tcp://b:1"}
    with pytest.raises(UsageError, match="--engine: one platform has two engines"):
        parse("--engine", "arm64=ssh://a", "--engine", "linux/arm64/v8=ssh://b").addresses  # noqa: B018
    ended = certify("run", "--platform", "all", "--engine", "arm64", "debian:12")
    assert (ended.code, ended.out) == (2, "")
    assert "'arm64' names no engine; expected ARCH=ADDRESS" in ended.err
    refused = certify("fix", "--platform", "all", "debian:12")
    assert (refused.code, refused.out) == (2, "")
    assert "one platform at a time" in refused.err


def test_a_variable_without_a_value_is_taken_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t")
    assert parse("--env", "TOKEN").env == (("TOKEN", "t"),)
    monkeypatch.delenv("TOKEN")
    for word in ("TOKEN", "=x"):
        with pytest.raises(click.UsageError):
            parse("--env", word)


def test_the_help_of_every_command_that_certifies_has_them() -> None:
    for name in ("run", "sweep", "fix"):
        shown = CliRunner().invoke(main, [name, "--help"]).output
        assert all(f"--{field}" in shown for field in ("profile", "waivers", "cpus", "network"))
