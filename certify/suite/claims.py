"""What the authors of checks write with: the decorator, and the words for not knowing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import pytest
from _pytest.outcomes import Skipped  # the class behind pytest.skip.Exception

from certify.judge.profiles import GROUPS
from certify.model.finding import Claim
from certify.model.terms import Level

_ID = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9_-]*")
_F = TypeVar("_F", bound=Callable[..., Any])


class CheckUnknown(Exception):
    """The host, the network or a tool kept the check from being answered."""


def unknown(reason: str) -> NoReturn:
    """Say that the question cannot be answered here; never a pass, never a failure."""
    raise CheckUnknown(reason)


class Proven(AssertionError):
    """What was claimed is not so, and that it is the image's fault has been proven."""


def proven(reason: str) -> NoReturn:
    """Say that the image is at fault, whatever the output looks like.

    A failed assertion counts as unknown where its evidence looks like the network's or the host's
    fault; this one does not.
    """
    raise Proven(reason)


def not_applicable(reason: str) -> NoReturn:
    """Say that the question does not arise for this candidate; never a pass."""
    pytest.skip(reason)


class Blocked(Skipped):
    """A check that cannot be asked because another did not pass."""

    def __init__(self, because: str, reason: str) -> None:
        super().__init__(reason)
        self.because = because


def blocked_by(check_id: str, reason: str) -> NoReturn:
    """Say that another check's failure leaves nothing to ask here; the verdict follows that one."""
    raise Blocked(check_id, reason)


@dataclass(frozen=True)
class Spec:
    """A claim, and what the plugin must know to ask it."""

    claim: Claim
    provides: str | None = None
    """The capability that a launch installs and that this check is about."""
    last: int = 0
    """Checks that end the container run last, in this order; 0 for all others."""


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

    Its docstring says the rest: the first line is the claim, a paragraph that
    begins with ``Why:`` says why a platform cares, one with ``How:`` how it is
    checked. Raises ``ValueError``, at import, if any of it is missing.
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
    """The spec of a test function; one is made up for a test that is not a declared check."""
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
    """Whether a text has the form ``group.name``."""
    return _ID.fullmatch(text) is not None


def own_check_id(name: str) -> str:
    """The id of a test function that is not a declared check, by its name."""
    words = re.sub(r"[^a-z0-9_-]+", "-", name.lower().removeprefix("test_")).strip("-_")
    return "own." + (words if words[:1].isalpha() else f"check-{words}".rstrip("-"))


def run_order(spec: Spec) -> tuple[int, int]:
    """Sort key: checks that end the container last, the rest by group."""
    group = spec.claim.group
    return spec.last, GROUPS.index(group) if group in GROUPS else len(GROUPS)
