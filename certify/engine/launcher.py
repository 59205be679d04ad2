"""Starts a candidate, and removes it again, come what may."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from certify.engine import mailbox, reaper
from certify.engine.candidate import SHELL, Candidate
from certify.engine.client import APIError, Engine, answering
from certify.engine.launch import STOP_SIGNAL, Plan, host_config
from certify.errors import LaunchRefused
from certify.judge.diagnosis import diagnose
from certify.model import Fault
from certify.safetext import one_line


@dataclass(frozen=True)
class Launched:
    """What a launch gives: the candidate, and why it does not run if it does not."""

    candidate: Candidate
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
    engine: Engine, image: str, plan: Plan, *, platform: str | None = None, keep: bool = False
) -> Iterator[Launched]:
    """Start an image; remove the container, its volume and its socket at the end, come what may.

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
            # Removed after the container: an engine that is still starting it makes it anew.
            folder, notify = cleanup.enter_context(mailbox.opened(run))
        if not keep:
            cleanup.callback(reaper.remove_run, engine, run)
        refused = ""
        begun = time.monotonic()
        with answering():
            try:
                container = _create(engine, image, plan, name, labels, platform, folder)
            except LaunchRefused as error:
                if plan.kind != "image" or _NO_COMMAND not in error.evidence.lower():
                    raise
                refused = "the image has neither an entrypoint nor a command"
                idle = replace(plan, kind="idle")
                container = _create(engine, image, idle, name, labels, platform, folder)
        created = time.monotonic()
        candidate = Candidate(engine, container, notify, plan.pace)
        cleanup.callback(candidate.close_shells)
        try:
            if not refused:
                candidate.start()
        except APIError as error:
            refused = str(error.explanation or error)
            if not (_about_own_command if plan.kind == "image" else _about_shell)(refused):
                raise refusal(refused) from error
        took = (created - begun, time.monotonic() - created)
        yield Launched(candidate, name, refused, notify, *(round(each, 3) for each in took))


def _create(
    engine: Engine,
    image: str,
    plan: Plan,
    name: str,
    labels: dict[str, str],
    platform: str | None,
    notify: Path | None,
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


_SHELL_SIGNS = (
    "no such file", "not found", "permission denied", "is a directory", "exec format error",
)  # fmt: skip


def _about_shell(said: str) -> bool:
    """Whether the engine refused because the image's own shell cannot be executed."""
    return SHELL in said and any(sign in said for sign in _SHELL_SIGNS)


_NO_COMMAND = "no command specified"
_COMMAND_SIGNS = (
    'exec: "', "unable to find user", "unable to find group", "chdir to cwd", "exec format error",
)  # fmt: skip


def _about_own_command(said: str) -> bool:
    """Whether the engine refused because what the image itself names cannot be executed.

    That is its entrypoint or command, its user or its working directory.
    """
    return any(sign in said for sign in _COMMAND_SIGNS)


def refusal(said: str) -> LaunchRefused:
    """What it means that the engine would not create or start a container, from what it said."""
    diagnosis = diagnose(said, where="launch")
    return LaunchRefused(
        "The engine refused to start the container"
        + f": {diagnosis.cause if diagnosis else one_line(said)}",
        remedy=diagnosis.remedy
        if diagnosis
        else "`certify run --isolation` offers other launches; the engine's own log says more.",
        fault=diagnosis.fault if diagnosis and diagnosis.fault is not Fault.IMAGE else Fault.HOST,
        evidence=said,
    )
