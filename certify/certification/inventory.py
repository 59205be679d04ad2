"""The inventory of an image under certification."""

from __future__ import annotations

import contextlib

from certify.certification.observation import Observation
from certify.engine.client import Engine
from certify.engine.errors import APIError
from certify.engine.inventory import configuration_of, inventory_as_shipped
from certify.model.errors import Trouble
from certify.model.inventory import pack, parse_inventory
from certify.util.text import printable


def take_inventory(engine: Engine, image: str, observed: Observation, platform: str | None) -> None:
    """Keep what the image holds; if its launch did not show that, another container does.

    Nothing depends on it, so trouble only leaves it out.
    """
    text, system = observed.facts.get("inventory"), observed.image.os
    with contextlib.suppress(Trouble, APIError):
        if text is None and system is not None and observed.trouble is None:
            text = printable(inventory_as_shipped(engine, image, platform))
        found = parse_inventory(text or "", configuration_of(engine, image))
        observed.inventory = pack(found) if any(found.values()) else None
