"""The work on one unit, on whichever host."""

from __future__ import annotations

import pytest

from certify.certification.certify import Certification
from certify.certification.events import Events
from certify.certification.options import Options
from certify.judge.profiles import load
from certify.model.errors import EngineUnavailable
from certify.model.reference import Reference
from certify.model.result import Result
from certify.sweep.units import Unit
from certify.sweep.work import certify_unit

APP, LATEST = (Reference.parse(f"r.invalid/app:{tag}") for tag in ("1", "latest"))
AMD, ARM = "linux/amd64", "linux/arm64"
GONE = EngineUnavailable("no engine answers")


def unit(requested: str | None = None, *, was_certified: bool = False) -> Unit:
    pinned = Reference.parse(f"r.invalid/app@sha256:{'a' * 64}")
    profiles = load("plain"), load("devspace")
    names = tuple((name, "plain") for name in (APP, LATEST))
    return Unit(pinned, AMD, requested, profiles, names, (AMD, ARM), was_certified)


def test_without_an_engine_each_profile_has_a_result_under_the_first_name() -> None:
    results = certify_unit(GONE, unit(), Options(), Events())
    assert [each.profile for each in results] == ["plain", "devspace"]
    for each in results:
        assert each.verdict.reasons[0].text == GONE.message
        assert (each.image.reference, each.image.tag) == (APP.familiar, "1")
        assert each.image.platforms == (AMD, ARM)


@pytest.mark.parametrize("requested", [None, ARM])
@pytest.mark.parametrize(
    ("confirm", "was_certified", "confirms"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_only_what_was_certified_is_confirmed(
    monkeypatch: pytest.MonkeyPatch,
    requested: str | None,
    confirm: bool,
    was_certified: bool,
    confirms: bool,
) -> None:
    used: list[Options] = []

    def run(self: Certification, _profiles: object) -> list[Result]:
        used.append(self.options)
        return []

    monkeypatch.setattr(Certification, "run", run)
    asked = Options(platform="linux/s390x", confirm=confirm, runs=3)
    certify_unit(GONE, unit(requested, was_certified=was_certified), asked, Events())
    assert [(each.platform, each.confirm, each.runs) for each in used] == [(requested, confirms, 3)]
