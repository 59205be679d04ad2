"""Starts a candidate, and removes it again, come what may."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from certify.engine import notify_folder, reaper
from certify.engine.attribution import refusal
from certify.engine.client import APIError, Engine, answering, telling
from certify.engine.container import Container
from certify.engine.launch_plan import STOP_SIGNAL, LaunchPlan, host_config
from certify.engine.refusal_control import blames_image
from certify.model.errors import LaunchRefused

_NO_COMMAND = "no command specified"


@dataclass(frozen=True)
class Launched:
    """What a launch gives: the candidate, and why it does not run if it does not."""

    container: Container
    name: str
    """The container's name."""
    refused: str = ""
    """What the engine said when the image's shell (or, where the image is started as shipped, its
    own command) could not be started; empty if it runs."""
    notify: socket.socket | None = None
    create_seconds: float = 0.0
    """The engine took so long to make the container."""
    start_seconds: float = 0.0
    """And so long to start it."""


@contextlib.contextmanager
def launched(
    engine: Engine, image: str, plan: LaunchPlan, *, platform: str | None = None, keep: bool = False
) -> Iterator[Launched]:
    """Start an image; remove the container, its volume and its socket at the end, come what may.

    What is to be kept stays once it is told of, that is, once this gives it.
    Raises :class:`LaunchRefused` if the host's engine would not start it as asked.
    An image whose shell, or own command, cannot be started is not an error: the container
    then stands, created, to be examined through the engine.
    """
    run = reaper.new_run()
    labels = reaper.labels(run, image)
    name = f"certify-{run}"
    with contextlib.ExitStack() as cleanup:
        notify, folder = None, None
        if engine.local and plan.kind == "init":
            folder, notify = cleanup.enter_context(notify_folder.opened(run))
        removal = cleanup.enter_context(contextlib.ExitStack())
        removal.callback(reaper.remove_run, engine, run)
        refused = ""
        begun = time.monotonic()
        create = partial(_create, engine, image, name=name, labels=labels, platform=platform)
        with answering():
            try:
                container_id = create(plan, folder)
            except LaunchRefused as error:
                if plan.kind == "image" and _NO_COMMAND in error.evidence.lower():
                    refused = "the image has neither an entrypoint nor a command"
                    container_id = create(replace(plan, kind="idle"), None)
                elif folder and str(folder) in error.evidence:
                    # The engine has no such folder: certify is in a container, with its socket.
                    notify = None
                    container_id = create(plan, None)
                else:
                    raise
        created = time.monotonic()
        container = Container(engine, container_id, notify, plan.pace)
        cleanup.callback(container.close_shells)
        try:
            if not refused:
                container.start()
        except APIError as error:
            refused = str(error.explanation or error)
            with telling("what the container was to start"):
                program = str(engine.client.api.inspect_container(container_id)["Path"])
            if not blames_image(engine, refused, program, as_shipped=plan.kind == "image"):
                raise refusal(refused) from error
        took = (created - begun, time.monotonic() - created)
        if keep:
            removal.pop_all()
        yield Launched(container, name, refused, notify, *(round(each, 3) for each in took))


def _create(
    engine: Engine,
    image: str,
    plan: LaunchPlan,
    notify: Path | None,
    *,
    name: str,
    labels: dict[str, str],
    platform: str | None,
) -> str:
    api = engine.client.api
    try:
        if plan.kind == "init":
            api.create_volume(name, labels=labels)
        config = api.create_host_config(
            **host_config(plan, cpus=engine.cpus, volume=name, notify=notify)
        )
        extra: dict[str, Any] = {}
        if plan.argv:
            extra = {"entrypoint": [plan.argv[0]], "command": list(plan.argv[1:])}
        if plan.kind == "init":
            extra["stop_signal"] = STOP_SIGNAL
        if plan.kind != "image":
            extra |= {"stdin_open": True, "user": "0:0", "healthcheck": {"test": ["NONE"]}}
        made = api.create_container(
            image,
            name=name,
            labels=labels,
            host_config=config,
            platform=platform,
            **extra,
        )
    except APIError as error:
        raise refusal(str(error.explanation or error)) from error
    return str(made["Id"])
