"""The engine that a platform's images go to."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import cast

import pytest

from certify.certification.engines import Engines, address_for
from certify.engine.client import Engine
from certify.model.errors import EngineUnavailable

ADDRESSES = {"linux/arm64": "ssh://a", "linux/arm": "tcp://b:1", "linux/arm/v6": "tcp://c:1"}


class Own:
    """This host's engine, as far as nothing is launched."""

    platform, architecture, address = "linux/amd64", "amd64", ""


@pytest.mark.parametrize(
    ("platform", "address"),
    [
        ("linux/arm64", "ssh://a"), ("linux/arm/v7", "tcp://b:1"), ("linux/arm/v6", "tcp://c:1"),
        ("linux/amd64", ""), ("windows/arm64", ""), (None, ""),
    ],
)  # fmt: skip
def test_an_architecture_has_one_engine_for_all_its_variants(
    platform: str | None, address: str
) -> None:
    assert address_for(ADDRESSES, platform) == address


# docker-py leaves the socket of a connection that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_engine_that_is_silent_is_the_trouble_of_its_platforms_alone(tmp_path: Path) -> None:
    own = cast(Engine, Own())
    nowhere = f"unix://{tmp_path}/none.sock"
    engines = Engines(own, {"linux/arm64": nowhere})
    assert engines.for_platform("linux/amd64") is engines.for_platform(None) is own
    trouble = engines.for_platform("linux/arm64")
    assert isinstance(trouble, EngineUnavailable)
    assert trouble.message.startswith(f"{nowhere}: The container engine does not answer")
    assert engines.unable(["linux/amd64", "linux/arm64"]) == {}
    assert engines.requested("linux/amd64") is None
    assert engines.requested("linux/arm64") == "linux/arm64"
    del engines, trouble
    gc.collect(1)  # of this test alone


@pytest.mark.engine
def test_what_no_engine_runs_has_one_reason(engine: Engine) -> None:
    lacking = ["linux/s390x", "linux/ppc64le"]
    engines = Engines(engine)
    unable = engines.unable([engine.platform, *lacking, "linux/mips64le"])
    if set(unable) != set(lacking):
        pytest.skip("this host emulates other architectures")
    (reason,) = set(unable.values())
    assert reason.message == (
        "No engine here runs programs for linux/s390x, linux/ppc64le:"
        " there is no emulation for them."
    )
