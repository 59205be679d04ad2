"""The results of a sweep: one for each image, new, in force, or missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.judge.profile import Profile
from certify.ledger.changes import SweepEntry, sweep_entry
from certify.ledger.summaries import brief
from certify.model.errors import ImageUnavailable, Trouble
from certify.model.reference import Reference
from certify.model.result import Image, Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status
from certify.sweep.plan import Item, ItemState
from certify.sweep.units import Unit

ResultsByKey = dict[ResultKey, Result]
"""Results by key; the platform of a key is the one that was looked for."""
Record = Callable[[Unit, ResultsByKey], list[Result]]
"""Records the results of a unit under all names, and returns them for display."""

WHOLE_RESULTS = 200
"""The most results that a sweep holds whole; beside these it has summaries."""


def hold(held: ResultsByKey, found: ResultsByKey) -> None:
    """Add results to those that a sweep holds; the ledger has the whole ones."""
    for key, result in found.items():
        held[key] = result if len(held) < WHOLE_RESULTS else brief(result)


@dataclass(frozen=True, slots=True)
class ResultCollector:
    """Makes results for images of a plan that are not certified now."""

    profiles: Mapping[str, Profile]
    options: Options

    def postponed(self, units: Sequence[Unit]) -> ResultsByKey:
        """Return inconclusive results for units whose registry allows no more pulls for now."""
        found: ResultsByKey = {}
        for unit in units:
            trouble = ImageUnavailable(
                f"{unit.reference.registry} allows no more pulls for now",
                remedy="Log in to it for a higher limit, or sweep again later to certify the rest.",
            )
            options = replace(self.options, platform=unit.platform)
            certification = Certification(
                trouble, unit.reference, options, name=unit.name, platforms=unit.platforms
            )
            found |= results_by_name(unit, certification.run(unit.profiles))
        return found

    def not_run(
        self,
        items: Sequence[Item],
        new: Collection[ResultKey],
        find_in_force: Callable[[Image, str], Result | None],
        elsewhere: Collection[ResultKey] = (),
    ) -> ResultsByKey:
        """Return results for images that were not run and have no new result.

        Another name of an image gets the result in force of that image and a profile, if
        ``find_in_force`` returns one, and so does a name that was certified ``elsewhere``. An image
        that could not be resolved is inconclusive.
        """
        found: ResultsByKey = {}
        for item in items:
            wanted = item.image
            shared = item.state is ItemState.SAME or wanted.key in elsewhere
            if shared and wanted.key not in new:
                reference = Reference.parse(wanted.reference)
                ids = {"digest": wanted.digest, "image_id": wanted.digest}  # it may be either
                image = Image.model_validate(
                    reference.image_fields | ids | {"platform": wanted.platform}
                )
                result = find_in_force(image, wanted.profile)
                if result is not None:
                    found[wanted.key] = rename(result, reference)
            elif item.state is ItemState.UNRESOLVED:
                trouble = wanted.trouble or Trouble(item.reason, remedy="Sweep again later.")
                found[wanted.key] = self._inconclusive(wanted.key, trouble, wanted.platforms)
        return found

    def missing(self, key: ResultKey, error: str) -> Result:
        """Return an inconclusive result for an image whose result the ledger no longer has."""
        return self._inconclusive(key, Trouble(error, remedy="Check the ledger, then sweep again."))

    def _inconclusive(
        self, key: ResultKey, trouble: Trouble, platforms: tuple[str, ...] = ()
    ) -> Result:
        options, reference = (
            replace(self.options, platform=key.platform),
            Reference.parse(key.reference),
        )
        certification = Certification(trouble, reference, options, platforms=platforms)
        (result,) = certification.run([self.profiles[key.profile]])
        return result


def results_by_name(unit: Unit, results: Sequence[Result]) -> ResultsByKey:
    """Return the results of a unit, once for each name that leads to its image."""
    by_profile = {result.profile: result for result in results}
    return {
        ResultKey(reference.familiar, unit.platform, profile): rename(
            by_profile[profile], reference
        )
        for reference, profile in unit.names
    }


def rename(result: Result, reference: Reference) -> Result:
    """Return a result under another name of the same image."""
    return result.model_copy(
        update={"image": result.image.model_copy(update=reference.image_fields)}
    )


def entries_to_compare(
    keys: Iterable[ResultKey],
    new: Mapping[ResultKey, Result],
    in_force: Mapping[ResultKey, Result],
    before: Iterable[SweepEntry],
    left_out: Callable[[SweepEntry], bool],
) -> list[SweepEntry]:
    """Return the entries with which the next sweep is compared: the last result of each image.

    An inconclusive result is no change: the result in force replaces it. Neither has an image
    vanished that was ``left_out``, because a registry could not list it today or its shard did not
    end; its entry is taken from ``before``, the last sweep of the same list.
    """
    found: dict[ResultKey, SweepEntry] = {}
    for key in keys:
        mine, known = new.get(key), in_force.get(key)
        unclear = mine is None or mine.verdict.status is Status.INCONCLUSIVE
        if result := (known or mine) if unclear else mine:
            entry = sweep_entry(result)
            same = entry.platform == key.platform
            found[key] = entry if same else replace(entry, platform=key.platform)
    for each in before:
        if left_out(each):
            found.setdefault(each.key, each)
    return list(found.values())
