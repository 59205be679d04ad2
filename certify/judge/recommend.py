"""Which certified images a rejected image, or one certified on-launch, is told of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from certify.model import Alternative, Grade, Image, Recommendation, Result, Status

AT_MOST = 3


def advised(results: Iterable[Result], known: Sequence[Result]) -> list[Result]:
    """The results, each with what it is told of the certified images in ``known``."""
    certified: dict[tuple[str, str | None], list[Result]] = {}
    for each in known:
        if each.verdict.status is Status.CERTIFIED:
            certified.setdefault((each.profile, each.image.platform), []).append(each)

    def told(each: Result) -> Recommendation | None:
        return recommend(each, certified.get((each.profile, each.image.platform), ()))

    return [each.model_copy(update={"recommendation": told(each)}) for each in results]


def recommend(result: Result, known: Iterable[Result]) -> Recommendation | None:
    """The certified images of ``known`` that are closest to the image of ``result``.

    Only images of the same profile and platform count, whose certificate had not expired
    when ``result`` was made, and which fare better: any certified one for a rejected image, a
    native one for an image certified on-launch. Those of the same distribution and version
    come first, then those of the same distribution, then those with the same package manager;
    native before on-launch, newer before older; at most three. Null where there is nothing to
    tell, or no need.
    """
    rejected = result.verdict.status is Status.REJECTED
    if not rejected and result.verdict.grade is not Grade.ON_LAUNCH:
        return None
    better = _one_each(
        each
        for each in known
        if each.verdict.status is Status.CERTIFIED
        and (rejected or each.verdict.grade is Grade.NATIVE)
        and each.profile == result.profile
        and each.image.platform == result.image.platform
        and each.expires_at > result.finished_at
        and not _same(each.image, result.image)
    )
    near = [each for each in better if _distance(each.image, result.image) is not None]
    near.sort(key=lambda each: _distance(each.image, result.image) or 0)
    bases = [each for each in better if _extends(result.image, each.image)]
    base = max(bases, key=lambda each: len(each.image.layer_digests), default=None)
    if not near and base is None:
        return None
    return Recommendation(
        closest=tuple(map(_alternative, near[:AT_MOST])),
        extends=_alternative(base) if base else None,
    )


def _one_each(results: Iterable[Result]) -> list[Result]:
    """One result per image, native ones first, then the newest first."""
    ordered = sorted(results, key=lambda each: each.image.reference)
    ordered.sort(key=lambda each: each.finished_at, reverse=True)
    ordered.sort(key=lambda each: each.verdict.grade is not Grade.NATIVE)
    found: list[Result] = []
    seen: set[str] = set()
    for each in ordered:
        names = set(filter(None, (each.image.image_id, each.image.digest)))
        if not names & seen:
            found.append(each)
        seen |= names
    return found


def _same(one: Image, other: Image) -> bool:
    """Whether two names mean one image."""
    ids = one.image_id is not None and one.image_id == other.image_id
    return ids or (one.digest is not None and one.digest == other.digest)


def _distance(one: Image, other: Image) -> int | None:
    """How far apart two images are: 0, 1, 2; null if they have nothing in common."""
    if one.os and other.os and one.os.id == other.os.id:
        return 0 if one.os.version_id == other.os.version_id else 1
    related = one.package_manager is not None and one.package_manager == other.package_manager
    return 2 if related else None


def _extends(image: Image, base: Image) -> bool:
    """Whether the base's layers are the lowest of the image's."""
    return _begins_with(image.layer_digests, base.layer_digests)


def _begins_with(layers: Sequence[str], lowest: Sequence[str]) -> bool:
    return bool(lowest) and tuple(layers[: len(lowest)]) == tuple(lowest)


def _alternative(result: Result) -> Alternative:
    image = result.image
    return Alternative(
        reference=image.reference,
        digest=image.digest,
        image_id=image.image_id,
        os=image.os,
        grade=result.verdict.grade,
        certified_at=result.finished_at,
    )
