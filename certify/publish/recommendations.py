"""Recommendations of certified images for those rejected or certified on-launch. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from certify.model.result import Alternative, Image, Recommendation, Result
from certify.model.terms import Grade, Status

MOST_CLOSEST = 3
"""The largest number of images that are recommended as closest."""


def add_recommendations(
    results: Iterable[Result], known: Iterable[Result], now: datetime
) -> list[Result]:
    """Return the results with recommendations of images from ``known`` that are certified now."""
    certified = CertifiedImages(known, now)
    return [
        each.model_copy(update={"recommendation": found})
        if (found := certified.recommendation(each)) != each.recommendation
        else each
        for each in results
    ]


def needs_recommendation(result: Result) -> bool:
    """Return True if another image could have a better result."""
    verdict = result.verdict
    return verdict.status is Status.REJECTED or verdict.grade is Grade.ON_LAUNCH


class CertifiedImages:
    """The images certified at a moment, indexed by the traits that they share with others.

    The images of a trait are in order, the best first: native before on-launch, newer before
    older.
    """

    def __init__(self, known: Iterable[Result], now: datetime) -> None:
        self._by_trait: dict[object, list[Result]] = defaultdict(list)
        # Many images have the same; each takes two kilobytes.
        self._made: dict[tuple[int, ...], Recommendation] = {}
        ordered = sorted(
            (
                each
                for each in known
                if each.verdict.status is Status.CERTIFIED and each.expires_at > now
            ),
            key=lambda each: each.image.reference,
        )
        ordered.sort(key=lambda each: each.finished_at, reverse=True)
        ordered.sort(key=lambda each: each.verdict.grade is not Grade.NATIVE)
        seen: set[tuple[object, ...]] = set()
        for each in ordered:
            image = each.image
            place, ids = (each.profile, image.platform), (image.image_id, image.digest)
            name = ids if any(ids) else (image.reference,)
            one = (*place, *name, each.verdict.grade, each.expires_at)
            if one not in seen:  # else it is the same result under another name
                seen.add(one)
                for trait in (*_traits(image), image.layer_digests):
                    self._by_trait[*place, trait].append(each)

    def recommendation(self, result: Result) -> Recommendation | None:
        """Return the certified images that are closest to the image of a result.

        They have the same profile and platform and a better result: any certified one for a
        rejected image, a native one for an image certified on-launch. Those of the same
        distribution and version come first, then those of the same distribution, then those with
        the same package manager; at most three. Returns None if there are none, or no need.
        """
        if not needs_recommendation(result):
            return None
        closest, base = self._closest(result), self._base(result)
        if not closest and base is None:
            return None
        same = tuple(map(id, (*closest, base)))
        if same not in self._made:
            self._made[same] = Recommendation(
                closest=tuple(map(_alternative, closest)),
                extends=_alternative(base) if base else None,
            )
        return self._made[same]

    def _closest(self, result: Result) -> list[Result]:
        found: list[Result] = []
        found_ids: set[str] = set()
        for trait in _traits(result.image):
            for each in self._better(result, trait):
                ids = _ids(each.image)
                if not ids & found_ids:
                    found.append(each)
                if len(found) == MOST_CLOSEST:
                    return found
                found_ids |= ids
        return found

    def _base(self, result: Result) -> Result | None:
        """Return the certified image that this one shares the most base layers with, or None."""
        layers = result.image.layer_digests
        lowest = (layers[:count] for count in range(len(layers), 0, -1))
        return next((each for part in lowest for each in self._better(result, part)), None)

    def _better(self, result: Result, trait: object) -> Iterator[Result]:
        """Yield the better results of other images with a trait."""
        rejected = result.verdict.status is Status.REJECTED
        for each in self._by_trait.get((result.profile, result.image.platform, trait), ()):
            if not rejected and each.verdict.grade is not Grade.NATIVE:
                return  # and neither are the following
            if not _are_same(each.image, result.image):
                yield each


def _traits(image: Image) -> list[tuple[str, str | None, str | None]]:
    """Return the traits that other images may share, the most specific first."""
    found: list[tuple[str, str | None, str | None]] = []
    if image.os:
        found += [("version", image.os.id, image.os.version_id), ("os", image.os.id, None)]
    if image.package_manager:
        found.append(("manager", image.package_manager, None))
    return found


def _ids(image: Image) -> frozenset[str]:
    """Return the image ID and the digest, or else the reference."""
    found = frozenset(filter(None, (image.image_id, image.digest)))
    return found or frozenset([image.reference])


def _are_same(one: Image, other: Image) -> bool:
    """Return True if both have the same image ID or digest."""
    ids = one.image_id is not None and one.image_id == other.image_id
    return ids or (one.digest is not None and one.digest == other.digest)


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
