"""The digest that a sweep expects of a certificate is the one that its run records."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.certification.options import Options
from certify.engine.client import Engine
from certify.engine.isolation import Isolation
from certify.engine.launch_plan import Limits
from certify.judge.profiles import load
from certify.model.errors import LaunchRefused
from certify.model.platform import normalize_platform
from certify.model.reference import Reference
from certify.model.result import Image
from certify.sweep.expand import ListedImage
from certify.sweep.plan import Item, ItemState, ResolvedImage
from certify.sweep.resolution import Resolver
from certify.sweep.units import make_units

DIGEST = f"sha256:{'1' * 64}"
REFERENCE = Reference.parse(f"debian@{DIGEST}")
PROFILES = {name: load(name) for name in ("devspace", "plain", "webdevops-base")}


def an_engine(**isolations: str) -> Engine:
    def resolve_isolation(asked: Isolation, kind: str) -> Isolation:
        if asked.level not in isolations:
            raise LaunchRefused(f"no {asked.level}")
        return Isolation(isolations[asked.level] if kind == "init" else "default")

    fake = SimpleNamespace(platform="linux/amd64", resolve_isolation=resolve_isolation)
    return cast(Engine, fake)


PLAIN_ENGINE = an_engine(auto="caps", caps="caps", privileged="privileged")
SYSBOX_ENGINE = an_engine(auto="sysbox", caps="caps", privileged="privileged", sysbox="sysbox")


def resolved(engine: Engine, profile: str, options: Options, platform: str | None) -> ResolvedImage:
    resolver = Resolver(engine, {profile: PROFILES[profile]}, options)
    ((found,), _) = resolver.resolve([ListedImage(REFERENCE, (profile,), platform)], ())
    return found


def expected_by_sweep(
    engine: Engine, profile: str, options: Options, platform: str | None = None
) -> str:
    """Return the digest by which a sweep tells whether a certificate still holds."""
    return resolved(engine, profile, options, platform).suite


def recorded_by_run(
    engine: Engine, profile: str, options: Options, platform: str | None = None
) -> str:
    """Return the digest in the result of the run that the sweep starts."""
    item = Item(resolved(engine, profile, options, platform), ItemState.NEW, "")
    native = normalize_platform(engine.platform)
    (unit,) = make_units([item], {profile: PROFILES[profile]}, pull=options.pull, native=native)
    image = Image(reference="debian", digest=DIGEST, image_id="sha256:2", layers=3)
    own = dataclasses.replace(options, platform=unit.requested_platform)
    return own.suite_digest(engine, unit.profiles[0], image)


OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "isolation": {"isolation": Isolation("privileged")},
    "an isolation that the engine lacks": {"isolation": Isolation("sysbox")},
    "network": {"network": "mine"},
    "limits": {"limits": Limits(memory="1g", cpus=0.5)},
    "runs": {"runs": 5},
    "a platform for all": {"platform": "linux/arm64"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("platform", [None, "linux/amd64", "linux/arm64/v8"])
@pytest.mark.parametrize("engine", [PLAIN_ENGINE, SYSBOX_ENGINE], ids=["caps", "sysbox"])
def test_a_run_records_the_digest_that_the_sweep_expects(
    engine: Engine, platform: str | None, profile: str, options: dict[str, Any]
) -> None:
    how = Options(**options)
    expected = expected_by_sweep(engine, profile, how, platform)
    assert recorded_by_run(engine, profile, how, platform) == expected


def test_auto_is_resolved_to_the_isolation_of_the_launch() -> None:
    auto, caps, sysbox = (Options(isolation=Isolation(each)) for each in ("auto", "caps", "sysbox"))
    for engine, same, other in ((PLAIN_ENGINE, caps, sysbox), (SYSBOX_ENGINE, sysbox, caps)):
        digest = expected_by_sweep(engine, "devspace", auto)
        assert digest == expected_by_sweep(engine, "devspace", same)
        assert digest != expected_by_sweep(engine, "devspace", other)


def test_isolation_does_not_matter_where_no_init_is_started() -> None:
    auto, privileged = Options(), Options(isolation=Isolation("privileged"))
    assert expected_by_sweep(PLAIN_ENGINE, "plain", auto) == expected_by_sweep(
        SYSBOX_ENGINE, "plain", privileged
    )


def test_the_engines_own_platform_need_not_be_named() -> None:
    digest = expected_by_sweep(PLAIN_ENGINE, "plain", Options())
    assert digest == expected_by_sweep(PLAIN_ENGINE, "plain", Options(), "linux/amd64")
    assert digest != expected_by_sweep(PLAIN_ENGINE, "plain", Options(), "linux/arm64")


@pytest.mark.parametrize("name", ["runs", "network", "limits"])
def test_an_option_that_can_change_a_verdict_changes_the_digest(name: str) -> None:
    digest = expected_by_sweep(PLAIN_ENGINE, "plain", Options())
    assert digest != expected_by_sweep(PLAIN_ENGINE, "plain", Options(**OPTIONS[name]))
