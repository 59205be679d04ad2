"""Find by elimination which of several things keep something from working. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def culprits(names: Sequence[str], works_without: Callable[[Sequence[str]], bool]) -> list[str]:
    """Return the fewest of some names without which something works; none if it is not for them.

    To tell a culprit from a passing trouble, it has to fail with all of them, before and
    afterwards, and to work without the fewest once more.
    """
    left = list(names)
    if not left or works_without([]) or not works_without(left):
        return []
    for each in names:
        fewer = [name for name in left if name != each]
        if fewer and works_without(fewer):
            left = fewer
    return left if not works_without([]) and works_without(left) else []
