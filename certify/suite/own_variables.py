"""The image's variables (``ENV``) that keep one of its own programs from working."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from certify.suite.elimination import culprits

_NAME = re.compile(r"[A-Za-z_]\w*")


def hindering(env: Iterable[str], works: Callable[[str], bool]) -> list[str]:
    """Return the fewest variables of an image's ``Env`` without which something works.

    ``works`` tells whether it works when its command follows a prefix, such as ``env -u NAME``.
    PATH is none of them: without it, no program is found.
    """
    names = [each.partition("=")[0] for each in env]
    tried = [each for each in names if each != "PATH" and _NAME.fullmatch(each)]
    return culprits(tried, lambda some: works(" ".join(["env", *(f"-u {each}" for each in some)])))
