"""What an image is best for: by what was proven, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from certify.model.result import AppliedWaiver, Check, Result, Startup, Verdict
from certify.model.terms import Grade, Level, Outcome, Status
from certify.publish.best_for import USES, best_for
from certify.publish.matrix import matrix_json, matrix_markdown
from certify.publish.site.build import rows_file
from tests.factories import NOON, a_result

AMD, ARM = "linux/amd64", "linux/arm64"
NOW = NOON + timedelta(hours=1)


def image(
    name: str, profile: str, size: int, *passed: str, boot: float | None = None,
    platform: str = AMD, **fields: Any,
) -> Result:  # fmt: skip
    checks = [a_check(each) for each in passed]
    facts = {
        "reference": name, "platform": platform, "size_bytes": size, "digest": f"sha256:{name}",
    }  # fmt: skip
    known: dict[str, Any] = {"image": facts, "profile": profile, "checks": checks,
             "startup": Startup(boot_seconds=boot)}  # fmt: skip
    return a_result(**(known | fields))


def a_check(name: str, outcome: Outcome = Outcome.PASSED, **more: Any) -> Check:
    return Check(id=name, title="", group="", level=Level.INFO, outcome=outcome, seconds=0, **more)


def found(*results: Result) -> dict[tuple[str, str], str]:
    return {(e.use, e.platform): e.result.image.reference for e in best_for(results, NOW)}


FAST, SMALL = (image("fast", "devspace", 900, boot=1.0), image("small", "devspace", 500, boot=2.0))
WHEELS = image("python:slim", "python", 400, "python.extension")


@pytest.mark.parametrize(
    ("results", "use", "best"),
    [
        ([FAST, SMALL], "smallest", "small"),
        ([FAST, SMALL], "workspace", "fast"),
        ([FAST, image("z", "plain", 1, boot=0.1)], "workspace", "fast"),
        ([image("b", "go", 5, "go.static"), image("a", "go", 5, "go.static")],
         "Go and static binaries", "a"),
        ([WHEELS, image("alpine", "python", 50)], "Python with C extensions", "python:slim"),
        ([image("n", "node", 7, "node.addon"), WHEELS], "Node.js with native modules", "n"),
    ],
)  # fmt: skip
def test_the_best_is_the_smallest_or_fastest_that_was_proven(
    results: list[Result], use: str, best: str
) -> None:
    assert found(*results)[use, AMD] == best


ON_LAUNCH = Verdict(status=Status.CERTIFIED, grade=Grade.ON_LAUNCH)
WAIVER = AppliedWaiver(reason="r", owner="o", expires=NOW)
FAILED = a_check("python.extension", Outcome.FAILED, waiver=WAIVER)


@pytest.mark.parametrize(
    ("result", "use"),
    [
        (image("x", "devspace", 1, boot=1.0, verdict=ON_LAUNCH), "workspace"),
        (image("x", "devspace", 1), "workspace"),
        (image("x", "python", 1, checks=[FAILED]), "Python with C extensions"),
        (image("x", "plain", 1, "go.static"), "Go and static binaries"),
        (image("x", "plain", 1, status=Status.REJECTED), "smallest"),
        (image("x", "plain", 1, expires_at=NOW), "smallest"),
    ],
)
def test_what_was_not_proven_or_has_expired_is_best_for_nothing(result: Result, use: str) -> None:
    assert (use, AMD) not in found(result)


def test_platforms_are_compared_on_their_own_and_names_of_an_image_count_once() -> None:
    also = image("also", "python", 400, image=WHEELS.image.model_dump() | {"reference": "also"})
    arm = image("arm", "plain", 90, platform=ARM)
    best = best_for([WHEELS, also, SMALL, arm], NOW)
    assert [(e.platform, e.use, e.among, e.measured) for e in best if e.use == "smallest"] == [
        (AMD, "smallest", 2, "400 bytes"), (ARM, "smallest", 1, "90 bytes"),
    ]  # fmt: skip


def test_every_report_says_the_same() -> None:
    results = [FAST, SMALL, WHEELS]
    matrix = json.loads("".join(matrix_json(results, NOW)))["rows"]
    rows = {row["reference"]: row["best_for"] for row in matrix}
    assert rows == {
        "fast": ["workspace"], "small": [], "python:slim": ["smallest", USES[2].name],
    }  # fmt: skip
    text = matrix_markdown(results, NOW)
    assert "- workspace: fast (1.0 s to boot, best of 2 on linux/amd64)" in text
    script = "".join(rows_file(results, NOW)[1])
    assert '"best": [["smallest", "linux/amd64", "' in script
    assert '"fast", "1.0 s to boot", 2, ' in script
