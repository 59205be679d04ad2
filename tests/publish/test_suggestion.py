"""Which images fit what somebody needs; ``tests/cli/test_suggest.py`` has the command."""

from __future__ import annotations

from typing import Any

import pytest

from certify.model.inventory import pack
from certify.model.result import Launch, Result, Startup
from certify.model.terms import Level, Outcome, Status
from certify.publish.suggestion import proven_groups, suggest
from tests.factories import a_certificate, a_check, digest

CHECKS = (
    a_check("systemd.pid1", Outcome.PASSED),
    a_check("dockerd.container", Outcome.PASSED),
    a_check("dockerd.storage", Outcome.FAILED, Level.RECOMMENDED),
    a_check("workspace.git", Outcome.PASSED),
    a_check("workspace.extra", Outcome.FAILED, Level.INFO),
)


def fitting(name: str, *, size: int | None = 100, boot: float | None = 1.0, **more: Any) -> Result:
    fields: dict[str, Any] = {
        "image": {"reference": name, "digest": digest(len(name)), "size_bytes": size},
        "profile": "devspace",
        "checks": tuple(
            each.model_copy(update={"group": each.id.partition(".")[0]}) for each in CHECKS
        ),
        "startup": Startup(boot_seconds=boot),
    }
    return a_certificate(**(fields | more))


def names(found: Any) -> list[str]:
    return [each.results[0].image.reference for each in found]


@pytest.mark.parametrize(
    ("need", "how"),
    [
        ("devspace", "certified for devspace"),
        ("systemd", "1 check of systemd passed"),
        ("systemd.pid1", "systemd.pid1 passed"),
        ("workspace", "1 check of workspace passed"),
        ("python", "python3 3.11"),
        ("dockerd.container", "dockerd.container passed"),
        ("dockerd", ""),
        ("dockerd.storage", ""),
        ("plain", ""),
        ("unheard-of", ""),
    ],
)
def test_a_need_is_met_by_a_profile_a_check_a_group_or_a_package(need: str, how: str) -> None:
    image = fitting("a", inventory=pack({"package": {"python3": "3.11"}}))
    found = suggest([image], [need], None, fastest=False)
    assert [each.how[need] for each in found] == ([how] if how else [])


def test_what_was_installed_at_launch_is_not_shipped() -> None:
    image = fitting("a", launch=Launch(kind="init", isolation="caps", missing=("systemd",)))
    assert "systemd" not in proven_groups(image)
    for need in ("systemd", "systemd.pid1"):
        assert not suggest([image], [need], None, fastest=False)
    assert suggest([image], ["workspace"], None, fastest=False)


def test_an_image_without_a_certificate_is_never_suggested() -> None:
    for status in (Status.REJECTED, Status.INCONCLUSIVE):
        assert not suggest([fitting("a", status=status)], [], None, fastest=False)


def test_the_smallest_or_fastest_comes_first_and_the_unknown_last() -> None:
    images = [
        fitting("unknown", size=None, boot=None),
        fitting("big", size=300, boot=1.0),
        fitting("small", size=100, boot=3.0),
    ]
    assert names(suggest(images, [], None, fastest=False)) == ["small", "big", "unknown"]
    assert names(suggest(images, [], None, fastest=True)) == ["big", "small", "unknown"]
    assert names(suggest(images, [], 200, fastest=True)) == ["small"], "an unknown size may be more"


def test_all_certificates_of_an_image_count_together() -> None:
    both = [fitting("a", boot=2.0), fitting("a", boot=1.5, profile="plain")]
    (found,) = suggest(both, ["devspace", "plain"], None, fastest=False)
    assert found.boot_seconds == 1.5
    assert found.size_bytes == 100
