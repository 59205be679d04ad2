"""What programs in Python call: ``from certify import certify, load_profile``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.engine import image_marks, reaper
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.model.errors import EngineUnavailable
from certify.model.reference import Reference
from certify.model.result import Result
from certify.suite.profile_selection import select_profile

__all__ = ["Options", "Profile", "Result", "certify", "load_profile"]


def load_profile(name: str | Path, own_checks: Path | None = None) -> Profile:
    """Return a profile that ships with certify, by its name, or one of a TOML file.

    A file may also name checks of the folder ``own_checks``. Raises
    :class:`~certify.model.errors.BadProfile`.

    >>> from certify import load_profile
    >>> load_profile("plain").required[0]
    'image.os'
    """
    return select_profile(str(name), own_checks)


def certify(
    image: str, profile: Profile | str = "devspace", *, options: Options | None = None
) -> Result:
    """Certify an image on this host's container engine, and return the result.

    Nothing is printed or recorded. Trouble with host, network or registry raises nothing: the
    result is inconclusive then, with the reason. Raises
    :class:`~certify.model.errors.BadReference` or :class:`~certify.model.errors.BadProfile` for
    what is neither an image nor a profile.

    >>> from certify import certify, load_profile
    >>> result = certify("certify-sample/busybox:latest", load_profile("plain"))
    >>> result.verdict.status.value
    'rejected'
    >>> result.verdict.reasons[0].check
    'packages.manager'
    """
    reference, options = Reference.parse(image), options or Options()
    if not isinstance(profile, Profile):
        profile = load_profile(profile, options.own_checks)
    with open_engine() as engine, ExitStack() as files:
        one = Certification(engine, reference, options)
        if reference.archive and isinstance(engine, Engine):
            from certify.engine.archive_load import loaded_image  # noqa: PLC0415 - few need it

            bound = options.limits.disk_bytes
            file = files.enter_context(loaded_image(engine, image, options.platform, bound))
            one = Certification(engine, file.reference, options, find_image=file.find)
        (result,) = one.run([profile])
    return result


@contextmanager
def open_engine() -> Iterator[Engine | EngineUnavailable]:
    """Connect to the engine, or yield the reason that there is none, which results then report.

    What runs left that were killed is removed.
    """
    with ExitStack() as closing:
        found: Engine | EngineUnavailable
        try:
            found = closing.enter_context(Engine.connect())
            reaper.remove_orphans(found)
            image_marks.remove_orphans(found)
        except EngineUnavailable as error:
            found = error
        yield found
