"""Which certified images a rejected image, or one certified on-launch, is told of. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from certify.model.result import Alternative, Image, Recommendation, Result
from certify.model.terms import Grade, Status

AT_MOST = 3


def advised(results: Iterable[Result], known: Iterable[Result], now: datetime) -> list[Result]:
    """The results, each with what it is told of the images in ``known`` that are certified now."""
    certified = Certified(known, now)
    return [each.model_copy(update={"recommendation": certified.told(each)}) for each in results]


def needs_advice(result: Result) -> bool:
    """Whether an image could fare better."""
    verdict = result.verdict
    return verdict.status is Status.REJECTED or verdict.grade is Grade.ON_LAUNCH


class Certified:
    """The images certified ``now``, on shelves, so that nobody has to look at all of them.

    A shelf holds what has one thing in common, the best first: native before on-launch, newer
    before older.
    """

    def __init__(self, known: Iterable[Result], now: datetime) -> None:
        self._shelves: dict[object, list[Result]] = defaultdict(list)
        ordered = sorted(
            (
                each.model_copy(update={"checks": (), "log": ""})  # there may be thousands
                for each in known
                if each.verdict.status is Status.CERTIFIED and each.expires_at > now
            ),
            key=lambda each: each.image.reference,
        )
        ordered.sort(key=lambda each: each.finished_at, reverse=True)
        ordered.sort(key=lambda each: each.verdict.grade is not Grade.NATIVE)
        seen = set()
        for each in ordered:
            place = each.profile, each.image.platform
            one = (*place, _names(each.image), each.verdict.grade, each.expires_at)
            if one not in seen:  # else one answer under another name
                seen.add(one)
                for common in (*_common(each.image), each.image.layer_digests):
                    self._shelves[*place, common].append(each)

    def told(self, result: Result) -> Recommendation | None:
        """The certified images that are closest to the image of ``result``.

        Only images of the same profile and platform count that fare better: any certified one for
        a rejected image, a native one for an image certified on-launch. Those of the same
        distribution and version come first, then those of the same distribution, then those with
        the same package manager; at most three. Null where there is nothing to tell, or no need.
        """
        if not needs_advice(result):
            return None
        closest, base = self._closest(result), self._base(result)
        if not closest and base is None:
            return None
        return Recommendation(
            closest=tuple(map(_alternative, closest)),
            extends=_alternative(base) if base else None,
        )

    def _closest(self, result: Result) -> list[Result]:
        found: list[Result] = []
        seen: set[str] = set()
        for common in _common(result.image):
            for each in self._better(result, common):
                names = _names(each.image)
                if not names & seen:
                    found.append(each)
                if len(found) == AT_MOST:
                    return found
                seen |= names
        return found

    def _base(self, result: Result) -> Result | None:
        """The image whose layers are the most of the lowest of this one's."""
        layers = result.image.layer_digests
        lowest = (layers[:count] for count in range(len(layers), 0, -1))
        return next((each for part in lowest for each in self._better(result, part)), None)

    def _better(self, result: Result, common: object) -> Iterator[Result]:
        """What fares better than a result, of one shelf."""
        rejected = result.verdict.status is Status.REJECTED
        for each in self._shelves.get((result.profile, result.image.platform, common), ()):
            if not rejected and each.verdict.grade is not Grade.NATIVE:
                return  # nor are those behind it
            if not _same(each.image, result.image):
                yield each


def _common(image: Image) -> list[tuple[str, str | None, str | None]]:
    """What other images may have in common with it, the closest first."""
    found: list[tuple[str, str | None, str | None]] = []
    if image.os:
        found += [("version", image.os.id, image.os.version_id), ("os", image.os.id, None)]
    if image.package_manager:
        found.append(("manager", image.package_manager, None))
    return found


def _names(image: Image) -> frozenset[str]:
    """What an image is known again by."""
    found = frozenset(filter(None, (image.image_id, image.digest)))
    return found or frozenset([image.reference])


def _same(one: Image, other: Image) -> bool:
    """Whether two names mean one image."""
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
