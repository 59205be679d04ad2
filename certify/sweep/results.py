"""What a sweep says of each image: its own answers, those that stand, and silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from certify.certification.certify import Options, certify, unseen
from certify.certification.events import Unwatched
from certify.judge.profiles import Profile
from certify.ledger.changes import SweepEntry, sweep_entry
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.model.result_key import Key
from certify.model.terms import Status
from certify.sweep.expand import Unlisted, would_list
from certify.sweep.plan import Item, ItemState
from certify.sweep.units import Unit

ResultsByKey = dict[Key, Result]
"""What a sweep itself found out; the platform of a key is the one that was looked for."""


def postponed(units: Sequence[Unit], options: Options) -> ResultsByKey:
    """The answers for what must wait: none, and why."""
    found: ResultsByKey = {}
    for unit in units:
        trouble = ImageUnavailable(
            f"{unit.reference.registry} allows no more pulls for now",
            remedy="Log in to it for a higher limit, or sweep again later: the rest goes on then.",
        )
        chosen, name = replace(options, platform=unit.platform), unit.names[0][0]
        answers = certify(trouble, unit.reference, unit.profiles, chosen, Unwatched(), name=name)
        found |= named(unit, answers)
    return found


def named(unit: Unit, results: Sequence[Result]) -> ResultsByKey:
    """The results, once for each name that leads to the image."""
    by_profile = {result.profile: result for result in results}
    return {
        (reference.familiar, unit.platform, profile): renamed(by_profile[profile], reference)
        for reference, profile in unit.names
    }


def renamed(result: Result, reference: Reference) -> Result:
    """The same answer under another name of the same image."""
    return result.model_copy(
        update={"image": result.image.model_copy(update=reference.image_fields)}
    )


def others(
    items: Sequence[Item],
    said: Collection[Key],
    profiles: Mapping[str, Profile],
    options: Options,
    standing_for: Callable[[Image, str], Result | None],
) -> ResultsByKey:
    """What there is to record of images that were not run: answers that stand under another
    name of theirs, and silence where no registry could tell what an image is.

    ``said`` has been answered already; ``standing_for`` an image and a profile the ledger tells.
    """
    found: ResultsByKey = {}
    for item in items:
        wanted, reference = item.wanted, Reference.parse(item.wanted.reference)
        if item.state is ItemState.SAME and wanted.key not in said:
            image = unseen(reference, wanted.platform)
            ids = {"digest": wanted.digest, "image_id": wanted.digest}  # it may be either
            answer = standing_for(image.model_copy(update=ids), wanted.profile)
            if answer is not None:
                found[wanted.key] = renamed(answer, reference)
        elif item.state is ItemState.UNRESOLVED:
            trouble = ImageUnavailable(item.why, remedy="See to the registry, then sweep again.")
            found[wanted.key] = _silence(item, trouble, profiles, options)
    return found


def told(
    items: Sequence[Item],
    said: Mapping[Key, Result],
    standing: Mapping[Key, Result],
    profiles: Mapping[str, Profile],
    options: Options,
    why: str,
) -> list[Result]:
    """What a sweep says of each image: its own answer, be it none, or else what stands.

    ``why`` is said where there is neither, though the plan knew of something that stands.
    """
    unknown = Trouble(why, remedy="See to the ledger, then sweep again.")
    return [
        said.get(item.wanted.key)
        or standing.get(item.wanted.key)
        or _silence(item, unknown, profiles, options)
        for item in items
    ]


def remembered(
    items: Sequence[Item],
    said: Mapping[Key, Result],
    standing: Mapping[Key, Result],
    before: Iterable[SweepEntry],
    unlisted: Sequence[Unlisted],
) -> list[SweepEntry]:
    """What the next sweep compares itself with: the newest answer of each image.

    An image that nobody could tell anything of today has not changed. Neither have those of
    ``before``, the last sweep of the same list, that a registry could not list today.
    """
    found: dict[Key, SweepEntry] = {}
    for item in items:
        key = item.wanted.key
        mine, known = said.get(key), standing.get(key)
        silent = mine is None or mine.verdict.status is Status.INCONCLUSIVE
        if newest := (known or mine) if silent else mine:
            found[key] = replace(sweep_entry(newest), platform=item.wanted.platform)
    for each in before:
        if any(would_list(glob.pattern, each.reference) for glob in unlisted):
            found.setdefault(each.key, each)
    return list(found.values())


def _silence(
    item: Item, trouble: Trouble, profiles: Mapping[str, Profile], options: Options
) -> Result:
    chosen = replace(options, platform=item.wanted.platform)
    reference = Reference.parse(item.wanted.reference)
    return certify(trouble, reference, [profiles[item.wanted.profile]], chosen, Unwatched())[0]
