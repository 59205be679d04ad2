"""Building an image from a Dockerfile alone, with the engine's classic builder.

The classic builder accepts an image id in FROM; BuildKit takes one for a repository on Docker Hub.
An engine without the classic builder reports so, which is no fault of the image.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator

from certify.engine.client import Engine
from certify.engine.errors import APIError, stream_error, translate_errors
from certify.fix.dockerfile import BaseFacts
from certify.judge.diagnosis import diagnose
from certify.judge.excerpts import important_lines
from certify.model.errors import EngineUnavailable, Trouble
from certify.model.terms import Fault
from certify.util.text import one_line, printable

QUIET_SECONDS = 1800
"""Time for which a command of the build may print nothing."""

_MADE = re.compile(r" ---> ([0-9a-f]{12})\n")
_STEP = re.compile(r"Step \d+/\d+ : ")


class BuildFailed(Exception):
    """A command of the Dockerfile failed through the image's own fault."""


def build(
    engine: Engine,
    dockerfile: str,
    tag: str,
    *,
    platform: str | None = None,
    network: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> None:
    """Build an image under a tag; ``step`` is called with each instruction as it begins.

    A build that fails leaves no container and no unfinished image. Raises :class:`BuildFailed`,
    :class:`Trouble` if the fault is not the image's, and :class:`EngineUnavailable`.
    """
    api = engine.client.api
    log: list[str] = []
    made: list[str] = []
    with translate_errors():
        before = _image_ids(engine)
        try:
            for event in api.build(
                fileobj=io.BytesIO(dockerfile.encode()),
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                platform=platform,
                network_mode=network,
                timeout=QUIET_SECONDS,
            ):
                error = stream_error(event)
                text = str(event.get("stream") or error)
                log.append(text)
                if found := _MADE.fullmatch(text):
                    made.append(found[1])
                if _STEP.match(text):
                    step(one_line(text))
                if error:
                    raise _failure("".join(log))
        except APIError as error:
            _discard(engine, made, before)
            raise _failure("".join(log) + str(error.explanation or error)) from error
        except BaseException:
            _discard(engine, made, before)
            raise


def facts_of(engine: Engine, image: str) -> BaseFacts:
    """Return the facts about an image. Raises :class:`EngineUnavailable`."""
    with translate_errors():
        config = engine.image_configuration(image)
    return BaseFacts(str(config.get("User") or ""), tuple(config.get("OnBuild") or ()))


@contextlib.contextmanager
def without_triggers(engine: Engine, image: str) -> Iterator[str]:
    """Make a copy of an image without its ONBUILD instructions; remove it at the end.

    The copy shares all layers. Yields its id. Raises :class:`EngineUnavailable`.
    """
    api = engine.client.api
    with translate_errors():
        config = engine.image_configuration(image) | {"OnBuild": []}
        # No labels: the copy, and all that is built on it, would inherit them.
        container = api.create_container(image, ["none"])["Id"]
        try:
            copy = str(api.commit(container, conf=config)["Id"])
        finally:
            api.remove_container(container, force=True)
    try:
        yield copy
    finally:
        with contextlib.suppress(APIError, EngineUnavailable), translate_errors():
            api.remove_image(copy)  # only its name goes if a build stands on it


def _failure(log: str) -> BuildFailed | Trouble:
    cause = diagnose(log, where="packages") or diagnose(log, where="launch")
    if cause is not None and cause.fault is not Fault.IMAGE:
        return Trouble(
            f"The image could not be built: {cause.cause}",
            remedy=cause.remedy,
            fault=cause.fault,
            evidence=log,
        )
    return BuildFailed(important_lines(printable(log)))


def _image_ids(engine: Engine) -> set[str]:
    return set(engine.client.api.images(quiet=True, all=True))


def _discard(engine: Engine, made: list[str], before: set[str]) -> None:
    """Remove the layers of an unfinished build; images with a tag or a child stay."""
    # A program of the image can print a text that looks like an id, so the image must be new too.
    with contextlib.suppress(APIError, EngineUnavailable), translate_errors():
        for new in _image_ids(engine) - before:
            if new.removeprefix("sha256:")[:12] in made:
                with contextlib.suppress(APIError):
                    if not engine.client.images.get(new).tags:
                        engine.client.api.remove_image(new)
