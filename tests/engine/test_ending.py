"""Who ended a container, by what an engine remembers of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest
from docker.api.client import APIClient
from docker.errors import APIError

from certify.engine.ending import ended_from_outside
from certify.model.errors import EngineUnavailable

NOW = 1795260704.123456


@dataclass
class Api:
    """An engine whose clock is not ours, with the events that it remembers."""

    events_: tuple[str, ...]

    def info(self) -> dict[str, str]:
        return {"SystemTime": "2026-11-21T11:31:44.123456789Z"}

    def events(
        self, *, since: int, until: float, filters: Mapping[str, Any], decode: bool
    ) -> Iterator[dict[str, Any]]:
        assert filters["container"] == "mine"
        assert (since, decode) == (1, True)
        assert until == NOW, "it would wait for what is yet to come"
        return iter([{"Action": each} for each in self.events_])


@pytest.mark.parametrize(
    ("events", "asked", "outside"),
    [
        (("start", "die"), False, False),
        (("start", "kill", "die"), False, True),
        (("start", "kill", "die"), True, False),
        (("start", "die"), True, False),
        (("start", "kill", "die", "start", "die"), False, False),
        (("start", "die", "start", "kill", "die"), False, True),
        (("kill", "die"), False, True),
        (("die",), False, False),
        ((), False, True),
        ((), True, True),
        (("start", "kill", "die", "start"), False, True),
    ],
)
def test_who_ended_it(events: tuple[str, ...], asked: bool, outside: bool) -> None:
    assert ended_from_outside(cast(APIClient, Api(events)), "mine", asked=asked) is outside


def test_an_engine_that_does_not_tell_blames_nobody() -> None:
    class Silent(Api):
        def info(self) -> dict[str, str]:
            raise APIError("500 Server Error", explanation="no")

    with pytest.raises(EngineUnavailable, match="does not tell who ended the container: no"):
        ended_from_outside(cast(APIClient, Silent(())), "mine", asked=False)
