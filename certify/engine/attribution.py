"""Decides whose fault it is that a container did not start, or ended."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime

from certify.engine.calibration import calibrate
from certify.engine.client import Engine
from certify.engine.errors import translate_errors
from certify.model.errors import LaunchRefused

_DENIED = "permission denied"
"""The one sign that a host can cause too: SELinux or a mount may forbid all programs."""
# runc and its kin, and crun, name the program right after these words. Messages about the host
# (a shim, a hook, a namespace that cannot be entered) do not have this form.
_STARTING = r"container (?:process|init)(?: caused)?:? \"?"
_PROGRAM = re.compile(
    rf"{_STARTING}exec:? \\?\"?(?P<runc>[^\"\\:\n]+)|crun: executable file `(?P<crun>[^`\n]+)`"
)
_FOLDER = re.compile(rf'{_STARTING}chdir to cwd \(\\?"')
_NO_USER = re.compile(r"unable to find (?:user|group) .*: no matching entries in (?:passwd|group)")
_LATE_SECONDS = 5.0
"""Time in which an engine may still record the end of a container that it reports as ended."""
_PAUSE = 0.05
_SIGNS = (
    "no such file", "not found", "not a directory", "is a directory", "exec format error", _DENIED,
)  # fmt: skip


def is_image_fault(engine: Engine, message: str, program: str, *, as_shipped: bool = False) -> bool:
    """Return True if the image's own content keeps the engine from starting ``program``.

    ``message`` is the engine's refusal. With ``as_shipped``, the image's user and working
    directory count as its content. "Permission denied" counts only if this host can start
    certify's own probe. Raises :class:`~certify.model.errors.EngineUnavailable`.
    """
    if not reads_as_image_fault(message, program, as_shipped=as_shipped):
        return False
    return _DENIED not in message.lower() or _starts_probe(engine)


def reads_as_image_fault(message: str, program: str, *, as_shipped: bool = False) -> bool:
    """Return True if a refusal, by its wording alone, is due to the image's own content."""
    if as_shipped and _NO_USER.search(message):
        return True
    if "hook" in message or not any(sign in message.lower() for sign in _SIGNS):
        return False
    named = _PROGRAM.search(message)
    if named:
        return program in (named["runc"], named["crun"])
    return as_shipped and _FOLDER.search(message) is not None


def _starts_probe(engine: Engine) -> bool:
    try:
        calibrate(engine)
    except LaunchRefused:
        return False
    return True


def ended_from_outside(engine: Engine, container: str, *, stop_requested: bool) -> bool:
    """Return True unless a container that has ended is known to have ended by itself.

    ``stop_requested`` tells that certify asked it to stop. The engine records an event for each
    end and each signal, but keeps only the last 256, and none across a restart of its own: without
    an event for the end, nobody can say that the container ended by itself. Raises
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    deadline = time.monotonic() + _LATE_SECONDS
    while "die" not in (actions := _actions_since_start(engine, container)):
        if time.monotonic() > deadline:
            return True
        time.sleep(_PAUSE)
    return "kill" in actions and not stop_requested


def memory_ran_out(engine: Engine, container: str) -> bool:
    """Return True if the kernel killed for lack of memory in a container since it was started.

    Only the limit that the container was given counts, not one that its image sets for a unit.
    False also if the engine recorded no such event. Raises
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    return "oom" in _actions_since_start(engine, container)


def _actions_since_start(engine: Engine, container: str) -> set[str]:
    """Return the kinds of events that the engine recorded since it last started a container."""
    api = engine.client.api
    with translate_errors("what happened to the container"):
        # With a moment ahead of its own clock the engine would wait for that moment.
        query = engine.dialect.past_events(
            lambda: datetime.fromisoformat(api.info()["SystemTime"]).timestamp()
        )
        query["filters"] = json.dumps({"container": [container]})
        answer = api.get(f"{api.base_url}/events", params=query, timeout=api.timeout)
        answer.raise_for_status()
    actions: set[str] = set()
    for line in answer.text.splitlines():
        action = json.loads(line)["Action"]
        actions = set() if action == "start" else actions | {action}
    return actions
