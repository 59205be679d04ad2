"""The platforms of an image, found before anything is launched; each is certified by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from certify.certification.certify import Certification
from certify.certification.engines import Engines
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.platform import ALL
from certify.model.reference import Reference


@dataclass(frozen=True, slots=True)
class Platforms:
    """The platforms that a reference leads to."""

    reference: Reference
    """The reference, pinned to the digest of its index if a registry has it."""
    names: tuple[str, ...]
    """The platforms in the index's order; those of other systems than Linux are left out."""


def find_platforms(engine: Engine, reference: Reference, pull: str) -> Platforms:
    """Return all platforms of an image: those of its index, or else its only one.

    An image that only the engine has is for one platform. Raises
    :class:`~certify.model.errors.ImageUnavailable`.
    """
    here = None if pull == "always" and not reference.image_id else engine.images.here(reference)
    if reference.image_id or pull == "never" or (here and not here.digest):
        if here is None:
            raise ImageUnavailable(
                f"{reference.familiar} is not on the engine, and may not be pulled.",
                remedy="Build or pull it first; --pull missing fetches what has a name.",
            )
        return Platforms(reference, (str(here.platform),))
    with engine.registry(reference.registry) as registry:
        tag = reference.tag or "latest"
        known = reference.digest or (here and here.digest)
        digest = known or registry.digest(reference.repository, tag)
        found = tuple(registry.platforms(reference.repository, digest))
    if not found:
        raise ImageUnavailable(
            f"{reference.familiar} is published for no platform of Linux.",
            remedy="Name an image that is.",
        )
    return Platforms(replace(reference, tag=None, digest=digest), found)


def make_certifications(
    engines: Engines, image: str, options: Options, files: ExitStack
) -> list[Certification]:
    """Return the certification of an image or a file, or one for each of all its platforms.

    A file stays open with ``files``. Raises :class:`~certify.model.errors.BadReference`,
    :class:`~certify.model.errors.BadArchive`, and for a file
    :class:`~certify.model.errors.EngineUnavailable`.
    """
    reference = None if image == "-" else Reference.parse(image)
    if reference is None or reference.archive:
        return list(_of_archive(engines, image, options, files))
    if options.platform != ALL:
        return [Certification(engines.for_platform(options.platform), reference, options)]
    try:
        if isinstance(engines.own, Trouble):
            raise engines.own
        found = find_platforms(engines.own, reference, options.pull)
    except Trouble as trouble:
        return [Certification(trouble, reference, replace(options, platform=None))]
    unable = engines.unable(found.names)
    return [
        Certification(
            unable.get(each) or engines.for_platform(each), found.reference,
            replace(options, platform=engines.requested(each)),
            name=reference, platforms=found.names,
        )
        for each in found.names
    ]  # fmt: skip


def _of_archive(
    engines: Engines, text: str, options: Options, files: ExitStack
) -> Iterator[Certification]:
    from certify.engine.archive import open_archive  # noqa: PLC0415 - few need it
    from certify.engine.archive_load import load_from  # noqa: PLC0415

    if isinstance(engines.own, Trouble):
        raise engines.own
    archive = files.enter_context(open_archive(text, options.limits.disk_bytes))
    everything = options.platform == ALL
    names = archive.platforms() if everything else ()
    unable = engines.unable(names)
    for platform in names or (None if everything else options.platform,):
        engine = unable.get(platform or "") or engines.for_platform(platform)
        own = replace(options, platform=engines.requested(platform) if everything else platform)
        if isinstance(engine, Trouble):
            known = archive.image(platform, engines.own.platform)
            reference = Reference.parse(known.config_digest if text == "-" else text)
            yield Certification(engine, reference, own, platforms=names)
        else:
            file = files.enter_context(load_from(archive, engine, text, platform))
            yield Certification(engine, file.reference, own, platforms=names, find_image=file.find)
