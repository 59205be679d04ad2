"""One verdict for all platforms of an index."""

from __future__ import annotations

import pytest

from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.indexes import index_text, index_verdicts
from certify.publish.json_report import report_json
from certify.publish.markdown import markdown
from tests.factories import a_result

AMD, ARM, V6 = "linux/amd64", "linux/arm64", "linux/arm/v6"
YES, NO, OPEN = Status.CERTIFIED, Status.REJECTED, Status.INCONCLUSIVE


def on(platform: str | None, status: Status, *platforms: str, profile: str = "plain") -> Result:
    image = {"reference": "team/app:1", "platform": platform, "platforms": platforms}
    return a_result(status=status, profile=profile, image=image)


@pytest.mark.parametrize(
    ("found", "status", "text"),
    [
        ({AMD: YES, ARM: YES}, YES, "is certified on all 2 platforms"),
        ({AMD: YES, ARM: OPEN}, OPEN, "is not certified on all 2 platforms: linux/arm64 inconcl"),
        ({AMD: NO, ARM: OPEN}, NO, "linux/amd64 rejected, linux/arm64 inconclusive"),
        ({AMD: YES, ARM: YES, V6: None}, OPEN, "linux/arm/v6 has no result"),
    ],
)
def test_an_index_is_certified_only_if_each_platform_is(
    found: dict[str, Status | None], status: Status, text: str
) -> None:
    results = [on(each, of, *found) for each, of in found.items() if of]
    (verdict,) = index_verdicts(results)
    assert (verdict.status, verdict.platforms) == (status, found)
    assert text in index_text(verdict)
    assert index_text(verdict).startswith("team/app:1 [plain] ")
    assert f'"status": "{status.value}"' in report_json(results).partition('"indexes"')[2]
    assert f"of all {len(found)}" not in markdown(results)
    assert f"on all {len(found)} platforms" in markdown(results)


def test_each_profile_has_its_own_verdict() -> None:
    results = [on(each, YES, AMD, ARM) for each in (AMD, ARM)]
    results += [on(AMD, NO, AMD, ARM, profile="devspace"), on(None, OPEN, AMD, ARM, profile="x")]
    assert [each.status for each in index_verdicts(results)] == [YES, NO, OPEN]


def test_one_platform_needs_no_verdict_beside_its_own() -> None:
    assert index_verdicts([on(AMD, YES), on(ARM, NO, ARM)]) == []
