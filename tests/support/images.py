"""Images that tests make, which leave with them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from certify.engine.client import Engine

Tag = Callable[[str], str]


@pytest.fixture
def tag(engine: Engine) -> Iterator[Tag]:
    """Make names for images, which are removed in the end."""
    made: list[str] = []

    def name(what: str) -> str:
        made.append(f"certify-test/{what}-{secrets.token_hex(4)}:1")
        return made[-1]

    yield name
    for each in made:
        if engine.client.images.list(each):
            engine.client.api.remove_image(each, force=True)
