"""Python on musl: what an extension in C needs there (``make worlds``)."""

from __future__ import annotations

import pytest

from certify.model.terms import Outcome, Status
from tests.conftest import Certify

pytestmark = [pytest.mark.engine, pytest.mark.worlds]


@pytest.mark.parametrize(
    ("image", "outcome", "says"),
    [
        (
            "bare",
            Outcome.FAILED,
            "as a compiler is missing, and wheels made for glibc do not fit musl",
        ),
        ("compiler", Outcome.PASSED, "; wheels for musl"),
    ],
)
def test_an_extension_in_c_on_musl(
    certify: Certify, image: str, outcome: Outcome, says: str
) -> None:
    reference = f"certify-world/python-musl:{image}"
    result = certify(
        "run", reference, "--pull", "never", "--profile", "python", "--format", "json"
    ).result
    checks = {each.id: each for each in result.checks if each.id.startswith("python.")}
    extension = checks.pop("python.extension")
    assert (extension.outcome, says in extension.message) == (outcome, True), extension.message
    assert {each.outcome for each in checks.values()} == {Outcome.PASSED}
    assert result.verdict.status is Status.CERTIFIED, "an extension is only recommended"
