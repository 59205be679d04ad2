"""What changed inside an image, and which of it a person should look at first."""

from __future__ import annotations

from typing import Any

import pytest

from certify.judge.culprits import compare, ranked, summarized
from certify.model.inventory import Difference, pack
from certify.model.result import Reason, Result
from certify.model.terms import Outcome, Status
from tests.factories import a_certificate, a_check, digest

CHANGES = [
    Difference("package", name, "1", "2")
    for name in ("containerd.io", "git", "libsystemd0", "libc6", "zlib1g", "sudo")
] + [Difference("unit", "docker.service", "enabled", None)]


@pytest.mark.parametrize(
    ("failed", "first"),
    [
        ("dockerd.container", ["docker.service", "containerd.io", "libc6"]),
        ("systemd.pid1", ["libsystemd0", "libc6"]),
        ("workspace.git", ["git", "zlib1g", "libc6"]),
        ("workspace.sudo", ["sudo", "libc6"]),
        ("no.such", ["libc6", "docker.service"]),
    ],
)
def test_what_the_failed_check_is_about_comes_first(failed: str, first: list[str]) -> None:
    names = [each.name for each in ranked(CHANGES, [failed])]
    assert set(names[: len(first)]) == set(first)
    assert len(names) == len(CHANGES)


def result(number: int, status: Status, failed: str = "", **packages: str) -> Result:
    fields: dict[str, Any] = {}
    if failed:
        reason = Reason(check=failed, text="broken", remedy="")
        fields["checks"] = (a_check(failed, Outcome.FAILED),)
    made = a_certificate(
        image={"digest": digest(number)}, status=status, inventory=pack({"package": packages}),
        **fields,
    )  # fmt: skip
    if failed:
        verdict = made.verdict.model_copy(update={"reasons": (reason,)})
        made = made.model_copy(update={"verdict": verdict})
    return made


def test_a_rejection_is_compared_with_the_last_certificate() -> None:
    good = result(1, Status.CERTIFIED, git="1", runc="1.1", zlib="1")
    bad = result(3, Status.REJECTED, "dockerd.container", git="2", runc="1.2", zlib="1")
    older = result(4, Status.CERTIFIED)
    unclear = result(5, Status.INCONCLUSIVE)
    still = result(2, Status.REJECTED, "dockerd.container")
    compared = compare([unclear, bad, still, unclear, good, older])
    assert compared is not None
    assert (compared.before, compared.after, compared.moved) == (good, bad, True)
    assert [str(each) for each in compared.inside or ()] == [
        "package runc 1.1 → 1.2", "package git 1 → 2",
    ]  # fmt: skip
    assert summarized(compared.inside or (), 1) == "package runc 1.1 → 1.2 and 1 more"


def test_a_certificate_is_compared_with_the_image_before() -> None:
    now, same = result(2, Status.CERTIFIED, git="2"), result(2, Status.CERTIFIED, git="2")
    before = result(1, Status.REJECTED, "image.os", git="1")
    compared = compare([now, same, before])
    assert compared is not None
    assert compared.before is before


def test_nothing_is_compared_with_nothing() -> None:
    good = result(1, Status.CERTIFIED)
    assert compare([]) is None
    assert compare([good, good]) is None
    assert compare([result(2, Status.REJECTED, "image.os")]) is None
    bare = good.model_copy(update={"inventory": None})
    compared = compare([result(2, Status.REJECTED, "image.os"), bare])
    assert compared is not None
    assert compared.inside is None, "not known is not unchanged"


def test_the_same_image_that_fails_now_has_changed_nothing() -> None:
    now = result(1, Status.REJECTED, "packages.refresh")
    compared = compare([now, result(1, Status.CERTIFIED)])
    assert compared is not None
    assert (compared.moved, compared.inside) == (False, [])
