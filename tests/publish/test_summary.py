"""Results without their long texts."""

from __future__ import annotations

from certify.publish.json_report import result_json
from certify.publish.summary import summary_of
from tests.stories.browser.hostile import hostile


def test_a_summary_is_small_whatever_the_image_printed() -> None:
    whole = hostile(3)
    assert len(result_json(whole)) > 1_000_000
    assert len(result_json(summary_of(whole))) < 50_000
