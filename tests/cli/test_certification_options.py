"""The options of commands that certify."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from certify.cli.certification_options import CertificationOptions
from certify.cli.main import main
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import Limits
from certify.model.errors import UsageError


def parse(*words: str) -> CertificationOptions:
    parsed = main.commands["run"].make_context("run", [*words, "debian:12"]).params
    fields = CertificationOptions.__dataclass_fields__
    return CertificationOptions(**{name: parsed[name] for name in fields})


def test_every_option_arrives() -> None:
    words = [
        "--profile", "plain", "--platform", "linux/arm64", "--pull", "never", "--timeout", "60",
        "--runs", "3", "--isolation", "caps", "--memory", "512M", "--cpus", "2",
        "--network", "mine",
    ]  # fmt: skip
    profiles, options = parse(*words).resolve(keep=True)
    assert [each.name for each in profiles] == ["plain"]
    assert (options.platform, options.pull, options.timeout) == ("linux/arm64", "never", 60.0)
    assert (options.runs, options.isolation, options.network) == (3, Isolation("caps"), "mine")
    assert options.limits == Limits(memory="512m", cpus=2.0)
    assert options.keep


def test_waivers_are_read(tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(
        '[[waiver]]\nimage = "*"\ncheck = "image.os"\nreason = "known"\nowner = "ana"\n'
        "expires = 2999-01-01\n"
    )
    (waiver,) = parse("--waivers", str(file)).resolve()[1].waivers
    assert waiver.check == "image.os"
    file.write_text("[[waiver]]\n")
    with pytest.raises(UsageError, match=r"waivers\.toml"):
        parse("--waivers", str(file)).resolve()


def test_the_help_of_every_command_that_certifies_has_them() -> None:
    for name in ("run", "sweep", "fix"):
        shown = CliRunner().invoke(main, [name, "--help"]).output
        assert all(f"--{field}" in shown for field in ("profile", "waivers", "cpus", "network"))
