"""What programs in Python call: ``from certify import certify, load_profile``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from certify.certification.certify import Certification
from certify.certification.engines import open_engines
from certify.certification.options import Options
from certify.certification.platforms import make_certifications
from certify.engine.client import Engine
from certify.judge.profile import Profile
from certify.model.errors import UsageError
from certify.model.platform import ALL
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
    if options.platform == ALL:
        raise UsageError(
            "platform: a program names one at a time", remedy="`certify run` takes all."
        )
    if not isinstance(profile, Profile):
        profile = load_profile(profile, options.own_checks)
    with open_engines() as engines, ExitStack() as files:
        one = Certification(engines.own, reference, options)
        if isinstance(engines.own, Engine):
            (one,) = make_certifications(engines, image, options, files)
        (result,) = one.run([profile])
    return result
