"""The last words of an init that ended: they go to a console, and there is none without a terminal.

systemd as PID 1 says on ``/dev/console`` why it gives up (its ``log.c``), and a container has that
only if it was given a terminal. Candidates are given none: it would start login prompts there,
which platforms do not have. So a copy of what ended is started, with one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from certify.engine import reaper
from certify.engine.client import APIError, Engine, telling
from certify.util.signals import shielded

_SECONDS = 15.0
_POLL_SECONDS = 0.1


def last_words(engine: Engine, container: str) -> str:
    """What a container that has ended prints when it is started as it is, but with a terminal.

    Raises :class:`~certify.model.errors.EngineUnavailable`, also if the engine refuses to start it.
    """
    api = engine.client.api
    # What is made is removed by who knows of it, also if that is to end meanwhile.
    with shielded(), telling("its last words"), _copy(engine, container) as copy:
        api.start(copy)
        deadline = time.monotonic() + _SECONDS
        while api.inspect_container(copy)["State"]["Running"] and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return api.logs(copy, tail=200).decode("utf-8", "replace")


@contextlib.contextmanager
def _copy(engine: Engine, container: str) -> Iterator[str]:
    """A container like another, as that ended, with a terminal; it and its image are removed.

    What the engine refuses to remove goes with the rest of the run.
    """
    api = engine.client.api
    original = api.inspect_container(container)
    config: dict[str, Any] = original["Config"]
    labels = config["Labels"] | {reaper.LABEL: reaper.PROBE}
    image = api.commit(container, conf=config | {"Labels": labels})["Id"]
    try:
        changed = {
            "Image": image,
            "Tty": True,
            # Of a better terminal systemd asks the size, and waits for an answer.
            "Env": [*(config["Env"] or ()), "TERM=dumb"],
            "HostConfig": original["HostConfig"],
        }
        copy = api.create_container_from_config(config | changed)["Id"]  # type: ignore[no-untyped-call]
        try:
            yield copy
        finally:
            with contextlib.suppress(APIError):
                api.remove_container(copy, v=True, force=True)
    finally:
        with contextlib.suppress(APIError):
            api.remove_image(image, force=True)
