"""The work on one unit: the same on this host, and on the host of a cluster's worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from certify.certification.certify import Certification
from certify.certification.events import Events
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.model.errors import Trouble
from certify.model.result import Image, Result
from certify.sweep.units import Unit


def certify_unit(
    engine: Engine | Trouble,
    unit: Unit,
    options: Options,
    events: Events,
    find_image: Callable[[], Image] | None = None,
) -> list[Result]:
    """Certify a unit on an engine, or say for each profile why nothing was launched.

    The results depend on nothing but the image, the options and the engine's host.
    """
    confirm = options.confirm and unit.was_certified
    options = replace(options, platform=unit.requested_platform, confirm=confirm)
    return Certification(
        engine, unit.reference, options, events,
        name=unit.name, platforms=unit.platforms, find_image=find_image, removes_beside=True,
    ).run(unit.profiles)  # fmt: skip
