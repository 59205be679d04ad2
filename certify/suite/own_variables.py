"""The image's variables (``ENV``) that keep one of its own programs from working."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

_NAME = re.compile(r"[A-Za-z_]\w*")


def variables_of(env: Iterable[str]) -> list[str]:
    """Return the names in an image's ``Env``, but PATH: without it, no program is found."""
    names = [each.partition("=")[0] for each in env]
    return [each for each in names if each != "PATH" and _NAME.fullmatch(each)]


def culprits(names: Sequence[str], works: Callable[[str], bool]) -> list[str]:
    """Return the fewest variables without which something works; none if it is not for them.

    ``works`` tells whether it works when its command follows a prefix, such as ``env -u NAME``. To
    tell a variable from a passing trouble, it has to fail with all of them, before and afterwards,
    and to work without the fewest once more.
    """

    def works_without(some: Sequence[str]) -> bool:
        return works(" ".join(["env", *(f"-u {each}" for each in some)]))

    left = list(names)
    if not left or works_without([]) or not works_without(left):
        return []
    for each in names:
        fewer = [name for name in left if name != each]
        if fewer and works_without(fewer):
            left = fewer
    return left if not works_without([]) and works_without(left) else []
