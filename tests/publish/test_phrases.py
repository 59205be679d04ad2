"""The words and numbers that all reports share."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from certify.model.result import Result
from certify.publish import phrases
from tests.factories import NOON


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(-5, "0 min"), (59, "59 min"), (60, "1 h"), (47 * 60, "47 h"), (48 * 60, "2 d")],
)
def test_an_age_is_in_its_largest_unit(minutes: int, text: str) -> None:
    assert phrases.age(NOON, NOON + timedelta(minutes=minutes)) == text


def test_an_expired_certificate_is_not_certified(native: Result) -> None:
    before, after = native.expires_at - timedelta(seconds=1), native.expires_at
    assert phrases.verdict_of(native, before) == phrases.verdict_of(native) == "CERTIFIED native"
    assert phrases.verdict_of(native, after) == "EXPIRED"
    assert phrases.tally([native], after) == "1 expired"


@pytest.mark.parametrize(
    ("level", "unconfined", "text"),
    [
        ("caps", "", "caps: an image that means harm can take this host"),
        (
            "caps",
            "certify is not root",
            "caps: an image that means harm can take this host; certify's AppArmor profile is not "
            "used, as certify is not root",
        ),
        ("apparmor", "", "apparmor: the known ways to this host are closed"),
        ("userns", "", "userns"),
    ],
)
def test_an_isolation_says_what_it_does_not_protect_from(
    native: Result, level: str, unconfined: str, text: str
) -> None:
    launch = native.launch.model_copy(update={"isolation": level, "unconfined": unconfined})
    assert phrases.isolation_text(native.model_copy(update={"launch": launch})) == text


@pytest.mark.parametrize("width", range(12))
@pytest.mark.parametrize("text", ["registry.example/app:1", "漢字漢字漢字", "short"])
def test_a_shortened_text_fits_and_keeps_its_end(text: str, width: int) -> None:
    found = phrases.shorten_middle(text, width)
    assert cell_len(found) <= width
    if 5 <= width < cell_len(text):
        assert found.endswith(text[-1])
