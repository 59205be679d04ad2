"""One way to write a platform of which there are several."""

from __future__ import annotations

import pytest

from certify.images.platform import normal, of_this_host


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("Linux/AMD64", "linux/amd64"),
    ],
)
def test_platforms_have_one_name(written: str, meant: str) -> None:
    assert normal(written) == meant
    assert normal(meant) == meant


def test_this_host_has_one() -> None:
    assert normal(of_this_host()) == of_this_host()
