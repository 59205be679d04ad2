"""Runs a command by an image's own entrypoint, in a container of its own."""

from __future__ import annotations

from certify.engine import reaper
from certify.engine.attribution import is_image_fault
from certify.engine.client import Engine
from certify.engine.errors import APIError, explanation, launch_refusal, translate_errors
from certify.engine.launch_plan import LaunchPlan, host_config
from certify.engine.watchdog import new_run
from certify.model.errors import EngineUnavailable

_LOG_LINES = 200


def run_by_entrypoint(
    engine: Engine, image: str, command: list[str], *, seconds: float, platform: str | None,
    entrypoint: str | None = None, lines: int = _LOG_LINES,
) -> str:  # fmt: skip
    """Return the output of ``docker run IMAGE COMMAND``, or the reason why it does not start.

    The container has the engine's default rights and no network; after ``seconds`` it is removed.
    Another ``entrypoint`` than the image's own is run as root; the last ``lines`` are returned.
    Raises :class:`~certify.model.errors.LaunchRefused` if the host is the reason.
    """
    api = engine.client.api
    plan = LaunchPlan(kind="image", isolation="default", network="none", dialect=engine.dialect)
    config = host_config(plan, cpus=engine.cpus, volumes=(), notify=None)
    with new_run(engine) as run:
        with translate_errors():
            try:
                container = api.create_container(
                    image,
                    command,
                    entrypoint=entrypoint,
                    user="0:0" if entrypoint else None,
                    name=f"certify-{run}",
                    labels=reaper.labels(run, image, "command"),
                    platform=platform,
                    host_config=api.create_host_config(**config),
                )["Id"]
                api.start(container)
            except APIError as error:
                reason = explanation(error)
                program = entrypoint or engine.image_configuration(image)["Entrypoint"][0]
                if is_image_fault(engine, reason, program, as_shipped=True):
                    return reason
                raise launch_refusal(error) from error
        try:
            with translate_errors():
                api.wait(container, timeout=int(seconds))
        except EngineUnavailable:
            engine.ping()  # it answers, so the command still runs
        with translate_errors():
            return api.logs(container, tail=lines).decode("utf-8", "replace")
