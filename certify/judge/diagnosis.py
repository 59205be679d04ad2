"""The causes behind failures, found by lines of logs and of output.

The signatures are data in ``signatures.toml`` beside this module; its head explains the format.
The texts come from untrusted images, so the work is bounded: signatures have no unbounded
quantifier, lines are cut, and only the beginning and the end of a very long text are read. The
worst that a hostile image can do is to make its failures look like the host's; it is inconclusive
then, and never certified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from certify.model.terms import Fault
from certify.model.value import Value
from certify.util.toml import packaged

LINE_LIMIT = 2_000
"""Characters of a line that are read."""
TEXT_LIMIT = 400_000
"""Characters of a text that are read, half from its beginning and half from its end."""

_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|[\x00-\x08\x0e-\x1f\x7f]")


class Explanation(Value):
    """A fact about the image's own configuration that explains what looks like another's fault."""

    fact: str = Field(min_length=1)
    cause: str = Field(min_length=1)
    remedy: str = Field(min_length=1)


class Diagnosis(Value):
    """A cause that a line of a text shows."""

    name: str
    cause: str
    """The cause in plain words."""
    fault: Fault
    remedy: str
    line: str
    """The line that shows the cause."""
    proof: str = ""
    """The fact that must hold if the cause is to count; empty if none has to."""
    explained_by: tuple[Explanation, ...] = ()
    """Facts about the image of which each makes the cause the image's own."""


class Signature(Value):
    """The lines that show one cause; one table of ``signatures.toml``."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    pattern: str = Field(min_length=8)
    cause: str = Field(min_length=1)
    fault: Fault | Literal["none"]
    remedy: str = Field(min_length=1)
    example: str = Field(min_length=1)
    where: tuple[Literal["log", "journal", "packages", "launch", "pull"], ...] = ()
    proof: str = ""
    unproven: str = ""
    """Why no fact has to hold before another than the image is blamed."""
    explained_by: tuple[Explanation, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _is_bounded(cls, pattern: str) -> str:
        if found := _UNBOUNDED.search(pattern):
            raise ValueError(f"{found[0]!r} has no upper bound; write {{0,80}} or the like")
        re.compile(pattern)
        return pattern

    @model_validator(mode="after")
    def _check_fault(self) -> Self:
        blames = self.fault in (Fault.HOST, Fault.LAUNCH, Fault.NETWORK, Fault.REGISTRY)
        if bool(self.proof) + bool(self.unproven) != blames:
            raise ValueError(
                f"{self.name}: what blames host, launch, network or registry has either `proof` "
                "or `unproven`, and nothing else has one"
            )
        return self

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)

    @property
    def is_noise(self) -> bool:
        """True if matching lines mean nothing."""
        return self.fault == "none"

    def applies(self, where: str | None) -> bool:
        """Return True if this kind of text can show the cause."""
        return where is None or not self.where or where in self.where

    def matches(self, line: str) -> bool:
        """Return True if the line shows the cause."""
        return self._compiled.search(line) is not None


@cache
def signatures() -> tuple[Signature, ...]:
    """Return all signatures in order of priority."""
    tables = packaged("certify.judge", "signatures.toml")["signature"]
    return tuple(Signature.model_validate(table) for table in tables)


@cache
def _noise() -> tuple[Signature, ...]:
    return tuple(signature for signature in signatures() if signature.is_noise)


def is_noise(line: str) -> bool:
    """Return True if a line is known to mean nothing."""
    return any(signature.matches(line) for signature in _noise())


def diagnose(text: str, *, where: str | None = None) -> Diagnosis | None:
    """Return the first cause, in the order of the signatures, that a text shows; else None.

    ``where`` is the kind of text: ``log`` (the container's), ``journal``, ``packages`` (output of
    a package manager), ``launch`` or ``pull`` (errors of the engine). Without it every signature
    is tried.
    """
    lines = tuple(dict.fromkeys(meaningful_lines(text)))
    for signature in signatures():
        if isinstance(signature.fault, Fault) and signature.applies(where):
            for line in lines:
                if signature.matches(line):
                    return Diagnosis(
                        name=signature.name,
                        cause=signature.cause,
                        fault=signature.fault,
                        remedy=signature.remedy,
                        line=line,
                        proof=signature.proof,
                        explained_by=signature.explained_by,
                    )
    return None


def meaningful_lines(text: str) -> Iterator[str]:
    """Yield the lines that are not noise, without terminal codes and cut to ``LINE_LIMIT``."""
    if len(text) > TEXT_LIMIT:
        half = TEXT_LIMIT // 2
        text = f"{text[:half]}\n{text[-half:]}"
    # A carriage return starts the line again on a terminal, as progress displays do.
    for raw in re.split(r"[\r\n]", text):
        line = _TERMINAL.sub("", raw[:LINE_LIMIT]).strip()
        if line and not is_noise(line):
            yield line
