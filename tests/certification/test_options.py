"""The suite's digest follows the options as resolved, and those that count for a profile only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from certify.certification.options import Options
from certify.engine.client import Engine
from certify.engine.launch_plan import Limits
from certify.judge.profile import Profile
from certify.judge.profiles import load
from certify.model.errors import EngineUnavailable, LaunchRefused
from certify.model.result import Image

IMAGE = Image(reference="docker.io/library/debian:12", digest=f"sha256:{1:064x}")
GONE = EngineUnavailable("no engine answers")
DEVSPACE, SERVICE = load("devspace"), load("service")


def digest_with(profile: Profile = DEVSPACE, **options: Any) -> str:
    return replace(Options(), **options).suite_digest(GONE, profile, IMAGE)


@pytest.mark.parametrize(
    "options",
    [
        {"platform": "linux/arm64"}, {"network": "none"}, {"runs": 3}, {"repeat": 2},
        {"limits": Limits(memory="1g")},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_what_can_change_a_verdict_changes_the_digest(options: dict[str, Any]) -> None:
    assert digest_with(**options) != digest_with()
    assert digest_with(**options) == digest_with(**options)


@pytest.mark.parametrize(
    "options",
    [{"pull": "always"}, {"timeout": 5.0}, {"keep": True}, {"lanes": False}, {"confirm": True}],
    ids=lambda options: next(iter(options)),
)
def test_what_cannot_leaves_it(options: dict[str, Any]) -> None:
    assert digest_with(**options) == digest_with()


@pytest.mark.parametrize("options", [{"base": "debian:12"}, {"env": (("PORT", "80"),)}])
def test_what_a_service_is_given_counts_for_services_only(options: dict[str, Any]) -> None:
    assert digest_with(**options) == digest_with()
    assert digest_with(SERVICE, **options) != digest_with(SERVICE)


def test_a_service_needs_a_base() -> None:
    with pytest.raises(LaunchRefused, match="no base image") as refused:
        Options().base_image(cast(Engine, object()))
    assert "--base" in refused.value.remedy
