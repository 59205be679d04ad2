"""The inventory of an image: from its launch, or else from another container, or left out."""

from __future__ import annotations

from typing import Any, cast

import pytest

from certify.certification import inventory
from certify.certification.inventory import take_inventory
from certify.certification.observation import Observation
from certify.engine.client import Engine
from certify.engine.errors import APIError
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.inventory import unpack
from certify.model.result import Image, Os

LAUNCHED, SHIPPED = "@@package\ntree 1.8\n", "@@package\nbash 5.2\x1b[31m\n"
DEBIAN = Os(id="debian")


class Host:
    """An engine that knows the configuration of an image."""

    def __init__(self, **configuration: Any) -> None:
        self.configuration = configuration

    def image_configuration(self, _image: str) -> dict[str, Any]:
        return self.configuration


def taken(
    monkeypatch: pytest.MonkeyPatch, observed: Observation, answer: str | Exception, **config: Any
) -> tuple[dict[str, dict[str, str]], int]:
    """What is kept, but for empty kinds, and how many more containers were launched for it."""
    launched: list[str | None] = []

    def as_shipped(_engine: object, _image: str, platform: str | None) -> str:
        launched.append(platform)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(inventory, "inventory_as_shipped", as_shipped)
    take_inventory(cast(Engine, Host(**config)), "sha256:1", observed, "linux/arm64")
    assert set(launched) <= {"linux/arm64"}
    kept = unpack(observed.inventory) or {}
    return {kind: values for kind, values in kept.items() if values}, len(launched)


@pytest.mark.parametrize(
    ("system", "facts", "trouble", "expected"),
    [
        (DEBIAN, {"inventory": LAUNCHED}, None, ({"package": {"tree": "1.8"}}, 0)),
        (DEBIAN, {}, None, ({"package": {"bash": "5.2"}}, 1)),
        (None, {}, None, ({}, 0)),  # it has no shell, or none that answers
        (DEBIAN, {}, Trouble("the disk is full"), ({}, 0)),
    ],
)
def test_another_container_is_launched_only_where_it_can_tell(
    monkeypatch: pytest.MonkeyPatch,
    system: Os | None,
    facts: dict[str, str],
    trouble: Trouble | None,
    expected: tuple[dict[str, dict[str, str]], int],
) -> None:
    observed = Observation(Image(reference="x", os=system), facts=facts, trouble=trouble)
    found, launched = taken(monkeypatch, observed, SHIPPED, Cmd=["sh"])
    assert found.pop("config") == {"Cmd": '["sh"]'}
    assert (found, launched) == expected


@pytest.mark.parametrize("error", [EngineUnavailable("gone"), APIError("conflict")], ids=repr)
def test_trouble_leaves_it_out(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    observed = Observation(Image(reference="x", os=DEBIAN))
    assert taken(monkeypatch, observed, error, Cmd=["sh"]) == ({}, 1)
    assert observed.inventory is None and observed.trouble is None


def test_nothing_is_no_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    observed = Observation(Image(reference="x", os=DEBIAN))
    taken(monkeypatch, observed, "")
    assert observed.inventory is None
