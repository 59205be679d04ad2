"""An image of certify's own program, whose containers show what the engine can do.

Nothing is pulled, and no other image is needed. Image, containers and volumes carry the labels by
which :mod:`certify.engine.reaper` finds and removes them.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.errors import APIError, launch_refusal, translate_errors
from certify.engine.probe.programs import UnsupportedArchitecture, echo, image_archive
from certify.engine.watchdog import new_run
from certify.model.errors import EngineUnavailable, LaunchRefused


@dataclass(frozen=True)
class ProbeRun:
    """The result of one container, with the seconds that each step took."""

    exit_code: int | None
    """The exit code; None if the program did not end in time."""
    output: bytes
    create_seconds: float
    start_seconds: float
    """Seconds from the request to start it until its end."""
    remove_seconds: float


class ProbeImage:
    """An imported image of certify's own program; see :func:`probe_image`."""

    def __init__(self, engine: Engine, run: str, word: bytes) -> None:
        self.engine = engine
        self.run_id = run
        self.word = word
        """Output of the image's own program; random, so that nothing else could print it."""
        self.labels = reaper.labels(run, reaper.PROBES, reaper.PROBE)

    @classmethod
    def imported(cls, engine: Engine, run: str, program: bytes | None = None) -> ProbeImage:
        """Import certify's probe as an object of a run, which is to be removed with it.

        ``program`` replaces the image's own, which prints a word. Raises the errors of
        :func:`probe_image`.
        """
        word = secrets.token_hex(8).encode()
        try:
            archive = image_archive(program or echo(engine.architecture, word))
        except UnsupportedArchitecture as error:
            raise LaunchRefused(
                f"certify has no probe for this engine: {error}.",
                remedy="Nothing needs to be fixed; only the speed of the host stays unknown.",
            ) from error
        labels = reaper.labels(run, reaper.PROBES, reaper.PROBE)
        try:
            with translate_errors():
                engine.client.api.import_image_from_data(
                    archive,
                    # Podman takes no notice of a tag beside the name.
                    repository=f"{reaper.PROBES}:{run}",
                    changes=[f'LABEL {key}="{value}"' for key, value in labels.items()],
                )
        except APIError as error:
            raise launch_refusal(error) from error
        return cls(engine, run, word)

    def run(
        self,
        program: bytes | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        seconds: int = 20,
    ) -> ProbeRun:
        """Create, start, await and remove a container.

        ``program`` replaces the image's own; ``config`` is for docker-py's
        ``create_host_config``; after ``seconds`` it is killed. Raises :class:`LaunchRefused` if
        the engine would not create or start it, and :class:`EngineUnavailable`.
        """
        api = self.engine.client.api
        with translate_errors():
            begun = time.monotonic()
            container = self._create(config or {}, "/program" if program else "/probe")
            created = time.monotonic()
            try:
                if program:
                    api.put_archive(container, "/", image_archive(program, "program"))
                started = time.monotonic()
                exit_code = self._wait(container, seconds)
                ended = time.monotonic()
                output = api.logs(container, stdout=True, stderr=False)
            except APIError as error:
                raise launch_refusal(error) from error
            finally:
                removing = time.monotonic()
                with contextlib.suppress(APIError):  # it is removed with the image, then
                    api.remove_container(container, v=True, force=True)
            removed = time.monotonic()
        return ProbeRun(
            exit_code=exit_code,
            output=output,
            create_seconds=created - begun,
            start_seconds=ended - started,
            remove_seconds=removed - removing,
        )

    def start(self, program: bytes | None, config: Mapping[str, Any]) -> str:
        """Start a container that stays, and return its id.

        ``program`` replaces the image's own. Raises the errors of :meth:`run`.
        """
        api = self.engine.client.api
        container = self._create(config, "/program" if program else "/probe")
        try:
            with translate_errors():
                if program:
                    api.put_archive(container, "/", image_archive(program, "program"))
                api.start(container)
        except APIError as error:
            raise launch_refusal(error) from error
        return container

    def volume(self) -> str:
        """Create a volume, which is removed with the image; return its name."""
        name = reaper.another_name(self.run_id)
        try:
            with translate_errors():
                self.engine.client.api.create_volume(name, labels=self.labels)
        except APIError as error:
            raise launch_refusal(error) from error
        return name

    def _create(self, config: Mapping[str, Any], program: str) -> str:
        api = self.engine.client.api
        log = {"Type": self.engine.dialect.exact_log, "Config": {"max-size": "64k"}}
        try:
            made = api.create_container(
                f"{reaper.PROBES}:{self.run_id}",
                command=[program],
                name=reaper.another_name(self.run_id),
                labels=self.labels,
                stop_signal="SIGKILL",  # it ignores others, and Podman waits before a removal
                use_config_proxy=False,
                host_config=api.create_host_config(**{"log_config": log, **config}),
            )
        except APIError as error:
            raise launch_refusal(error) from error
        return str(made["Id"])

    def _wait(self, container: str, seconds: int) -> int | None:
        """Start a container; return its exit code, or None if it does not end in time."""
        api = self.engine.client.api
        api.start(container)
        try:
            with translate_errors():
                return int(api.wait(container, timeout=seconds)["StatusCode"])
        except EngineUnavailable:
            self.engine.ping()  # the engine answers, so the program is still running
            return None


@contextlib.contextmanager
def probe_image(engine: Engine) -> Iterator[ProbeImage]:
    """Import certify's probe under a new name; remove it and all its containers at the end.

    Raises :class:`LaunchRefused` if the engine refuses the import, or certify has no programs for
    its architecture, and :class:`EngineUnavailable`.
    """
    with new_run(engine) as run:
        yield ProbeImage.imported(engine, run)
