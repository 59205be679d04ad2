"""Whether a refusal of the engine's is the image's fault: by its words, and by a second witness."""

from __future__ import annotations

from certify.engine.attribution import DENIED, is_the_images
from certify.engine.calibration import calibrate
from certify.engine.client import Engine
from certify.model.errors import LaunchRefused


def blames_image(engine: Engine, said: str, program: str, *, as_shipped: bool = False) -> bool:
    """As :func:`is_the_images`; where a host may forbid all programs, certify's own is tried.

    Raises :class:`~certify.model.errors.EngineUnavailable`.
    """
    if not is_the_images(said, program, as_shipped=as_shipped):
        return False
    return DENIED not in said.lower() or _starts_probe(engine)


def _starts_probe(engine: Engine) -> bool:
    try:
        calibrate(engine)
    except LaunchRefused:
        return False
    return True
