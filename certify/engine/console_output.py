"""Reads the console output of an init that has ended.

systemd as PID 1 writes to ``/dev/console`` why it gives up (its ``log.c``), and a container has
that only with a terminal. Candidates get none: systemd would start login prompts there, which
platforms do not have. So a copy of the ended container is started, with a terminal.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.errors import APIError, translate_errors
from certify.util.signals import defer_signals

_SECONDS = 15.0
_POLL_SECONDS = 0.1


def console_output(engine: Engine, container: str) -> str:
    """Start a copy of an ended container with a terminal, and return what it prints.

    Raises :class:`~certify.model.errors.EngineUnavailable`, also if the copy cannot be started.
    """
    api = engine.client.api
    # Signals wait until the copy is removed.
    with (
        defer_signals(),
        translate_errors("the console output of the container"),
        _copy(engine, container) as copy,
    ):
        api.start(copy)
        deadline = time.monotonic() + _SECONDS
        while api.inspect_container(copy)["State"]["Running"] and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return api.logs(copy, tail=200).decode("utf-8", "replace")


@contextlib.contextmanager
def _copy(engine: Engine, container: str) -> Iterator[str]:
    """Create a copy of an ended container, with a terminal; remove it and its image at the end.

    What the engine refuses to remove is removed with the rest of the run.
    """
    api = engine.client.api
    original = api.inspect_container(container)
    config: dict[str, Any] = original["Config"]
    labels = config["Labels"] | {reaper.LABEL: reaper.PROBE}
    name = reaper.another_name(labels[reaper.RUN])
    tag = name.removeprefix("certify-")
    image = api.commit(container, reaper.PROBES, tag, conf=config | {"Labels": labels})["Id"]
    try:
        changed = {
            "Image": image,
            "Tty": True,
            # systemd would query a better terminal for its size, and wait for the answer.
            "Env": [*(config["Env"] or ()), "TERM=dumb"],
            "HostConfig": original["HostConfig"],
        }
        copy = api.create_container_from_config(config | changed, name)["Id"]  # type: ignore[no-untyped-call]
        try:
            yield copy
        finally:
            with contextlib.suppress(APIError):
                api.remove_container(copy, v=True, force=True)
    finally:
        with contextlib.suppress(APIError):
            api.remove_image(image, force=True)
