"""From a result to a Dockerfile: rules, packages and words together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from certify.engine import packages
from certify.fix.proposal import fix
from certify.model.result import Check, Image, Launch, Result, Startup, Suite, Verdict
from certify.model.terms import Level, Outcome, Status

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def rejected(manager: str | None, *missing: str, **failed: str) -> Result:
    """``failed`` are messages by the ids of checks, ``__`` for the dot."""
    checks = [
        Check(
            id=check.replace("__", "."),
            title=check,
            group=check.partition("__")[0],
            level=Level.REQUIRED,
            outcome=Outcome.FAILED,
            seconds=0,
            message=message,
        )
        for check, message in failed.items()
    ]
    return Result(
        image=Image(reference="mine:1", tag="1", image_id="sha256:0", package_manager=manager),
        profile="devspace",
        verdict=Verdict(status=Status.REJECTED),
        checks=tuple(checks),
        startup=Startup(),
        launch=Launch(kind="init", isolation="caps", missing=missing),
        host=None,
        suite=Suite(version="1", digest="sha256:0"),
        started_at=NOON,
        finished_at=NOON,
        expires_at=NOON,
    )


@pytest.mark.parametrize("family", packages.families(), ids=lambda each: each.name)
def test_each_family_installs_in_one_layer_that_it_leaves_clean(family: packages.Family) -> None:
    found = fix(
        rejected(family.name, "sudo", "dockerd", dockerd__compose="neither `docker compose` nor")
    )
    assert found.mends and found.complete and not found.left
    assert found.text.count("\nRUN ") == 1
    layer = found.text.partition("\nRUN ")[2]
    assert layer.startswith(family.refresh)
    assert layer.endswith(f" && {family.clean}\n")
    for name in ("sudo", *family.first_of["compose"]):
        assert name in layer
    assert "dockerd" not in family.after or family.after["dockerd"] in layer
    assert "?" not in layer, "a mark of the data is no name"


def test_an_upgrade_comes_before_what_is_installed() -> None:
    apt = packages.family("apt")
    found = fix(rejected("apt", "sudo", packages__current="2 packages have newer versions"))
    steps = [apt.refresh, apt.upgrade, apt.command("restore", "sudo"), apt.clean]
    assert found.text.endswith("RUN " + " \\\n && ".join(steps) + "\n")
    alone = fix(rejected("apt", packages__current="2 packages have newer versions"))
    assert " install " not in alone.text


def test_what_a_familys_repositories_have_not_is_said() -> None:
    found = fix(
        rejected("apk", "systemd", systemd__pid1="PID 1 is sh (the image has no init to start)")
    )
    assert not found.mends and not found.complete
    ((why, checks),) = found.left.items()
    assert checks == ["systemd.pid1 (required)"]
    assert why == packages.family("apk").unavailable["systemd"]
    assert "\nRUN" not in found.text


@pytest.mark.parametrize("manager", [None, "a-manager-of-tomorrow"])
def test_without_a_package_manager_nothing_is_installed(manager: str | None) -> None:
    found = fix(rejected(manager, "sudo", workspace__git="git is not in the image"))
    assert not found.mends and not found.complete
    assert "package manager" in next(iter(found.left))


def test_a_half_mended_image_is_not_complete() -> None:
    found = fix(
        rejected(
            "apt",
            workspace__git="git is not in the image",
            systemd__shutdown="did not stop in 30 s and was killed",
        )
    )
    assert found.mends and not found.complete
    assert list(found.left.values()) == [["systemd.shutdown (required)"]]
