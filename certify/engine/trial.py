"""Trials: what the engine makes of a container, tried with certify's own program.

Nothing is pulled, nothing is asked of any image but certify's own, and nothing stays: image,
containers and volumes carry the labels by which :mod:`certify.engine.reaper` finds them.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from certify.engine import reaper
from certify.engine.archive import read_file
from certify.engine.attribution import refusal
from certify.engine.client import APIError, Engine, answering
from certify.engine.probe.programs import UnsupportedArchitecture, image_archive, say
from certify.model.errors import EngineUnavailable, LaunchRefused

REPOSITORY = "certify-probe"
READABLE_LOG = {"Type": "local", "Config": {"max-size": "64k"}}
"""Keeps every byte as it was; json-file replaces what is no UTF-8."""
_FILE_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Trial:
    """How one container went, with the seconds that each step took."""

    exit_code: int | None
    """Null if the program did not end in time."""
    output: bytes
    file: bytes | None
    """Content of the file that was asked for; null if there is none."""
    create_seconds: float
    start_seconds: float
    """From the request to start it until it had ended."""
    remove_seconds: float


class Trials:
    """Runs containers of one image, which :func:`trials` imports and removes again."""

    def __init__(self, engine: Engine, run: str, word: bytes) -> None:
        self.engine = engine
        self.run_id = run
        self.word = word
        """What the image's own program prints; nobody could guess it."""
        self.labels = reaper.labels(run, REPOSITORY)

    def run(
        self,
        program: bytes | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        read: str = "",
        seconds: int = 20,
    ) -> Trial:
        """Create, start, await and remove a container.

        ``program`` replaces the image's own; ``config`` is for docker-py's
        ``create_host_config``; ``read`` names a file to fetch from the container once it has
        run; after so many ``seconds`` it is killed.

        Raises :class:`LaunchRefused` if the engine would not create or start it, and
        :class:`EngineUnavailable`.
        """
        api = self.engine.client.api
        with answering():
            begun = time.monotonic()
            container = self._created(config or {}, "/program" if program else "/probe")
            created = time.monotonic()
            try:
                if program:
                    api.put_archive(container, "/", image_archive(program, "program"))
                started = time.monotonic()
                exit_code = self._ran(container, seconds)
                ended = time.monotonic()
                output = api.logs(container, stdout=True, stderr=False)
                file = read_file(api, container, read, _FILE_LIMIT) if read else None
            except APIError as error:
                raise refusal(str(error.explanation or error)) from error
            finally:
                removing = time.monotonic()
                with contextlib.suppress(APIError):  # then it goes with everything else
                    api.remove_container(container, v=True, force=True)
            removed = time.monotonic()
        return Trial(
            exit_code=exit_code,
            output=output,
            file=file,
            create_seconds=created - begun,
            start_seconds=ended - started,
            remove_seconds=removed - removing,
        )

    def volume(self) -> str:
        """A new volume's name; it is removed with everything else."""
        name = f"certify-{self.run_id}-{secrets.token_hex(2)}"
        try:
            with answering():
                self.engine.client.api.create_volume(name, labels=self.labels)
        except APIError as error:
            raise refusal(str(error.explanation or error)) from error
        return name

    def _created(self, config: Mapping[str, Any], program: str) -> str:
        api = self.engine.client.api
        try:
            made = api.create_container(
                f"{REPOSITORY}:{self.run_id}",
                command=[program],
                labels=self.labels,
                host_config=api.create_host_config(**{"log_config": READABLE_LOG, **config}),
            )
        except APIError as error:
            raise refusal(str(error.explanation or error)) from error
        return str(made["Id"])

    def _ran(self, container: str, seconds: int) -> int | None:
        """Start it and wait; its exit code, or null if it did not end in time."""
        api = self.engine.client.api
        api.start(container)
        try:
            with answering():
                return int(api.wait(container, timeout=seconds)["StatusCode"])
        except EngineUnavailable:
            self.engine.ping()  # it does answer: so it is the program that takes its time
            return None


@contextlib.contextmanager
def trials(engine: Engine) -> Iterator[Trials]:
    """Import certify's probe under a name of its own; remove it and all containers at the end.

    Raises :class:`LaunchRefused` if the engine does not take it, or is of an architecture that
    certify has no programs for, and :class:`EngineUnavailable`.
    """
    word = secrets.token_hex(8).encode()
    architecture = engine.platform.partition("/")[2]
    try:
        archive = image_archive(say(architecture, word))
    except UnsupportedArchitecture as error:
        raise LaunchRefused(
            f"certify cannot try this engine: {error}.",
            remedy="Nothing needs to be mended; only the speed of the host stays unknown.",
        ) from error
    run = reaper.new_run()
    labels = reaper.labels(run, REPOSITORY) | {reaper.LABEL: reaper.PROBE}
    try:
        try:
            with answering():
                engine.client.api.import_image_from_data(
                    archive,
                    repository=REPOSITORY,
                    tag=run,
                    changes=[f'LABEL {key}="{value}"' for key, value in labels.items()],
                )
        except APIError as error:
            raise refusal(str(error.explanation or error)) from error
        yield Trials(engine, run, word)
    finally:
        reaper.remove_run(engine, run)
