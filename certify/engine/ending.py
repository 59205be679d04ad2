"""Who ended a container: it did so itself, or somebody outside it did."""

from __future__ import annotations

from datetime import datetime

from docker.api.client import APIClient

from certify.engine.client import telling


def ended_from_outside(api: APIClient, container: str, *, asked: bool) -> bool:
    """Whether a container that has ended, and that was ``asked`` to or not, ended for others.

    A signal through the engine is an event, and so is the end of every container. An engine that
    knows of no such end is a new process, or has heard much since (it keeps 256 events): then
    nobody can say that the container ended by itself. Raises
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    with telling("who ended the container"):
        # By the engine's own clock: it would wait for a moment that is yet to come.
        now = datetime.fromisoformat(api.info()["SystemTime"]).timestamp()
        filters = {"container": container, "event": ["start", "kill", "die"]}
        heard: set[str] = set()
        for event in api.events(since=1, until=now, filters=filters, decode=True):  # type: ignore[call-overload]
            heard = set() if event["Action"] == "start" else heard | {event["Action"]}
    return "die" not in heard or ("kill" in heard and not asked)
