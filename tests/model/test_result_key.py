"""The keys of results, and the order of lists."""

from __future__ import annotations

from certify.model.result_key import ResultKey
from tests.factories import a_result


def test_the_order_of_keys_is_reference_platform_profile() -> None:
    keys = [
        ResultKey.of(a_result(image={"reference": name, "platform": platform}, profile=profile))
        for name, platform, profile in (
            ("b", "linux/amd64", "plain"),
            ("a", "linux/arm64", "devspace"),
            ("a", None, "plain"),
            ("a", "linux/amd64", "plain"),
        )
    ]
    assert sorted(keys) == [keys[2], keys[3], keys[1], keys[0]]
