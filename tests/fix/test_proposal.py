"""From a result to a Dockerfile: rules, packages and words together."""

from __future__ import annotations

import re

import pytest

from certify.engine import packages
from certify.fix.proposal import propose
from certify.model.result import Launch, Os, Result
from certify.model.terms import Outcome, Status
from tests.factories import a_check, a_result


def rejected(manager: str | None, *missing: str, **failed: str) -> Result:
    """Return a rejected result; ``failed`` maps ids of checks (``__`` for the dot) to messages."""
    return a_result(
        status=Status.REJECTED,
        image={"reference": "mine:1", "image_id": "sha256:0", "package_manager": manager},
        checks=tuple(
            a_check(check.replace("__", "."), Outcome.FAILED, message=message)
            for check, message in failed.items()
        ),
        launch=Launch(kind="init", isolation="caps", missing=missing),
    )


@pytest.mark.parametrize("family", packages.families(), ids=lambda each: each.name)
def test_each_family_installs_in_one_layer_that_it_leaves_clean(family: packages.Family) -> None:
    found = propose(
        rejected(family.name, "sudo", "dockerd", dockerd__compose="neither `docker compose` nor")
    )
    assert found.fixes_any and found.complete and not found.unfixed
    assert found.text.count("\nRUN ") == 1
    layer = found.text.partition("\nRUN ")[2]
    assert layer.startswith(family.refresh)
    assert layer.endswith(f" && {family.clean}\n")
    for name in ("sudo", *family.packages["compose"][0].rstrip("?").split("|")):
        assert name in layer
    assert "dockerd" not in family.after or family.after["dockerd"] in layer
    assert not re.search(r"\w[?|]", layer), "a mark of the data is not a name"


def test_an_upgrade_comes_before_what_is_installed() -> None:
    apt = packages.family("apt")
    found = propose(rejected("apt", "sudo", packages__current="2 packages have newer versions"))
    steps = [apt.refresh, apt.upgrade, apt.command("restore", "sudo"), apt.clean]
    assert found.text.endswith("RUN " + " \\\n && ".join(steps) + "\n")
    alone = propose(rejected("apt", packages__current="2 packages have newer versions"))
    assert " install " not in alone.text


def test_a_vendors_repository_is_proposed_and_left_to_a_person() -> None:
    absent = "the image ships no dockerd, and its repositories have no package docker: none"
    found = propose(
        rejected(
            "dnf",
            "dockerd",
            dockerd__installed="the image as shipped has no dockerd",
            dockerd__running=absent,
        )
    )
    assert not found.fixes_any and not found.complete
    assert (
        "\n# RUN curl -fsSLo /etc/yum.repos.d/docker-ce.repo https://download.docker" in found.text
    )
    assert "\nRUN" not in found.text


def test_a_capability_without_a_package_is_reported() -> None:
    said = "PID 1 is sh (the image has no init to start)"
    result = rejected("apk", "systemd", systemd__pid1=said)
    alpine = result.image.model_copy(update={"os": Os(id="alpine")})
    found = propose(result.model_copy(update={"image": alpine}))
    assert not found.fixes_any and not found.complete
    ((reason, checks),) = found.unfixed.items()
    assert checks == ["systemd.pid1 (required)"]
    assert reason == packages.family("apk").unavailable["systemd"].reason
    assert "\nRUN" not in found.text


@pytest.mark.parametrize("manager", [None, "a-manager-of-tomorrow"])
def test_without_a_package_manager_nothing_is_installed(manager: str | None) -> None:
    found = propose(rejected(manager, "sudo", workspace__git="git is not in the image"))
    assert not found.fixes_any and not found.complete
    assert "package manager" in next(iter(found.unfixed))


def test_a_partly_fixed_image_is_not_complete() -> None:
    found = propose(
        rejected(
            "apt",
            workspace__git="git is not in the image",
            systemd__shutdown="did not stop in 30 s and was killed",
        )
    )
    assert found.fixes_any and not found.complete
    assert list(found.unfixed.values()) == [["systemd.shutdown (required)"]]
