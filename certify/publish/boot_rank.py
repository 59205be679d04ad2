"""The rank of an image's boot among the certified images of the matrix with its profile. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from certify.ledger.matrix_rows import MatrixRow
from certify.model.result import BootRank, Result
from certify.model.result_key import ResultKey
from certify.model.terms import Status


class BootRanks:
    """The boot times of a matrix, to rank results in; several names of one image count once."""

    def __init__(self, rows: Iterable[MatrixRow]) -> None:
        self._own: dict[ResultKey, float] = {}
        images: dict[str, dict[int, float]] = defaultdict(dict)
        for row in rows:
            if row.boot_seconds is not None and row.status is Status.CERTIFIED:
                images[row.profile][row.id] = self._own[row.key] = row.boot_seconds
        self._sorted = {profile: sorted(each.values()) for profile, each in images.items()}

    def rank(self, result: Result) -> BootRank | None:
        """Return the rank of a result; None if it is not certified, was not timed, or is alone."""
        seconds, times = result.startup.boot_seconds, self._sorted.get(result.profile, [])
        certified = result.verdict.status is Status.CERTIFIED
        own = self._own.get(ResultKey.of(result))
        others = len(times) - (own is not None)
        if seconds is None or not certified or others < 1:
            return None
        faster = bisect_left(times, seconds) - (own is not None and own < seconds)
        slower = len(times) - bisect_right(times, seconds) - (own is not None and own > seconds)
        share = 100 * slower // others
        return BootRank(rank=faster + 1, images=others + 1, faster_than_percent=share)

    def add(self, results: Sequence[Result]) -> list[Result]:
        """Return the results with their ranks."""
        return [each.model_copy(update={"boot_rank": self.rank(each)}) for each in results]


NO_RANKS = BootRanks(())
