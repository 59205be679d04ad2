"""Options of a command line become those of a certification."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certify.cli.certification import SAMPLE, resolve, with_base
from certify.cli.main import main
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import Limits
from certify.ledger.store import Ledger
from certify.model.errors import UsageError
from certify.model.reference import Reference
from certify.model.terms import Grade, Status
from tests.cli.test_certification_options import options_of, parse
from tests.factories import MakeResult


def test_every_option_arrives() -> None:
    words = [
        "--profile", "plain", "--platform", "linux/arm64", "--pull", "never", "--timeout", "60",
        "--runs", "3", "--isolation", "caps", "--memory", "512M", "--cpus", "2",
        "--network", "mine", "--base", "base:1", "--env", "A=1", "--env", "B=x=y", "--lanes",
    ]  # fmt: skip
    profiles, options = resolve(parse(*words), keep=True)
    assert [each.name for each in profiles] == ["plain"]
    assert (options.platform, options.pull, options.timeout) == ("linux/arm64", "never", 60.0)
    assert (options.runs, options.isolation, options.network) == (3, Isolation("caps"), "mine")
    assert options.limits == Limits(memory="512m", cpus=2.0)
    assert options.keep and options.lanes
    assert not resolve(parse("--lanes", "--series"))[1].lanes
    assert resolve(parse())[1].lanes
    assert (options.base, options.env) == ("base:1", (("A", "1"), ("B", "x=y")))


@pytest.mark.parametrize(
    ("words", "settings", "refused"),
    [
        (("--reach", "10.1.2.3"), {}, False),
        (("--reach", "10.1.2.3", "--network", "mine"), {}, True),
        (("--reach", "10.1.2.3", "--network", "own"), {}, False),
        (("--reach", "10.1.2.3"), {"network": "own"}, False),
        ((), {"reach": ["10.1.2.3"]}, False),  # it waits for such a network
        (("--network", "mine"), {"reach": ["10.1.2.3"], "network": "own"}, False),
    ],
)
def test_what_to_reach_needs_a_network_of_its_own(
    words: tuple[str, ...], settings: dict[str, Any], refused: bool
) -> None:
    context = main.commands["run"].make_context("run", [*words, "x"], default_map=settings)
    with context, pytest.raises(UsageError) if refused else nullcontext():
        assert resolve(options_of(context))[1].limits.reach


def test_the_base_of_a_service_is_the_newest_native_image(
    tmp_path: Path, make_result: MakeResult
) -> None:
    services, options = resolve(parse("--profile", "service"))
    now = datetime.now(UTC)
    rejected: dict[str, Any] = {"status": Status.REJECTED}
    with Ledger.open(f"sqlite:///{tmp_path / 'certify.db'}") as ledger:
        assert with_base(options, services, lambda: ledger).base == SAMPLE
        for days, name, fields in (
            (4, "a:1", {}), (3, "b:1", {}), (2, "c:1", {"grade": Grade.ON_LAUNCH}),
            (1, "d:1", rejected),
        ):  # fmt: skip
            at, image_id = now - timedelta(days=days), f"sha256:{name[0] * 64}"
            ledger.record(make_result(
                name, image={"image_id": image_id, "platform": "linux/amd64"}, started_at=at,
                finished_at=at, expires_at=at + timedelta(days=30), **fields,
            ))  # fmt: skip
        found = with_base(options, services, lambda: ledger).base
        assert Reference.parse(found) == Reference.parse("b:1")
        named = replace(options, base="mine:1")
        assert with_base(named, services, lambda: ledger) == named
        assert with_base(options, resolve(parse())[0], lambda: ledger).base == ""


def test_waivers_are_read(tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(
        '[[waiver]]\nimage = "*"\ncheck = "image.os"\nreason = "known"\nowner = "ana"\n'
        "expires = 2999-01-01\n"
    )
    (waiver,) = resolve(parse("--waivers", str(file)))[1].waivers
    assert waiver.check == "image.os"
    file.write_text("[[waiver]]\n")
    with pytest.raises(UsageError, match=r"waivers\.toml"):
        resolve(parse("--waivers", str(file)))
