"""The words of a check's author: the decorator, and the ways to end without a plain answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from _pytest.outcomes import Skipped  # pytest.skip.Exception, without the rest of pytest

from certify.judge.groups import group_rank
from certify.model.finding import Claim
from certify.model.terms import Level

_ID = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9_-]*")
_F = TypeVar("_F", bound=Callable[..., Any])
Note = Callable[[str], None]
"""The fixture ``note``: call it with one line that reports what a passing check found."""


class CheckUnknown(Exception):
    """The check could not find out: the host, the network or a tool prevented it."""


def unknown(reason: str) -> NoReturn:
    """End the check as unknown: neither passed nor held against the image."""
    raise CheckUnknown(reason)


class Proven(AssertionError):
    """A failure that is proven to be the image's fault."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


def proven(reason: str, *, remedy: str = "") -> NoReturn:
    """Fail the check, with proof that the image is at fault, and the remedy of the cause.

    A failed assertion counts as unknown if its evidence looks like trouble of the network or the
    host. This failure does not.
    """
    raise Proven(reason, remedy)


def not_applicable(reason: str) -> NoReturn:
    """Skip the check because it does not apply to this candidate; never a pass."""
    raise Skipped(reason)


class Blocked(Skipped):
    """A skip because another check did not pass."""

    def __init__(self, because: str, reason: str) -> None:
        super().__init__(reason)
        self.because = because


def blocked_by(check_id: str, reason: str) -> NoReturn:
    """Skip the check because another one did not pass; the verdict follows that one."""
    raise Blocked(check_id, reason)


@dataclass(frozen=True)
class Spec:
    """A claim, and what the conductor needs to know to run its check."""

    claim: Claim
    provides: str | None = None
    """The capability that this check is about and that a launch can install."""
    last: int = 0
    """The place among the checks that run last, as they end the container; 0 for all others."""


def check(
    id: str,
    *,
    title: str,
    remedy: str,
    needs: tuple[str, ...] = (),
    provides: str | None = None,
    last: int = 0,
    level: Level = Level.REQUIRED,
) -> Callable[[_F], _F]:
    """Make a test function a check.

    ``id`` is ``group.name``, ``title`` a few words for tables, ``remedy`` an instruction for the
    maker of a failing image. ``needs`` are ids of checks that must pass before. ``level`` counts
    where no profile names the check. The docstring has the rest: the claim, a paragraph that
    begins with ``Why:``, and one with ``How:``. Raises ``ValueError``, at import, if one is
    missing.
    """
    if not is_check_id(id):
        raise ValueError(f"check id {id!r}: expected group.name in lower case")

    def decorate(function: _F) -> _F:
        claim, why, how = _parts(id, function.__doc__)
        described = Claim(
            id=id, title=title, claim=claim, why=why, how=how,
            remedy=" ".join(remedy.split()), needs=needs, level=level,
        )  # fmt: skip
        function.certify_check = Spec(described, provides, last)  # type: ignore[attr-defined]
        return function

    return decorate


def _parts(id: str, docstring: str | None) -> tuple[str, str, str]:
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", docstring or "")]
    named = {
        label: part.removeprefix(label).strip()
        for part in paragraphs
        for label in ("Why:", "How:")
        if part.startswith(label)
    }
    if not paragraphs[0] or len(named) != 2 or not all(named.values()):
        raise ValueError(
            f"check {id}: its docstring must be a claim, a paragraph 'Why: …' and one 'How: …'"
        )
    return paragraphs[0], named["Why:"], named["How:"]


def spec_of(function: Any, name: str) -> Spec:
    """Return the spec of a test function; for a test without ``@check``, a default one."""
    declared = getattr(function, "certify_check", None)
    if isinstance(declared, Spec):
        return declared
    own_id = own_check_id(name)
    return Spec(
        Claim(
            id=own_id,
            title=own_id.removeprefix("own."),
            claim=" ".join((function.__doc__ or name).split()),
            why="A check of your own.",
            how="By its own code.",
            remedy="See the check.",
        )
    )


def is_check_id(text: str) -> bool:
    """Return True if a text has the form ``group.name``."""
    return _ID.fullmatch(text) is not None


def own_check_id(name: str) -> str:
    """Return the id of a test function without ``@check``, from its name."""
    words = re.sub(r"[^a-z0-9_-]+", "-", name.lower().removeprefix("test_")).strip("-_")
    return "own." + (words if words[:1].isalpha() else f"check-{words}".rstrip("-"))


def run_order(spec: Spec) -> tuple[int, int]:
    """Return a sort key: checks that end the container come last, the others by group."""
    return spec.last, group_rank(spec.claim.group)
