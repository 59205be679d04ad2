"""Sabotaged images: each right but for one defect, made from a good sample, certified, compared.

The sabotages are data, in ``sabotages.toml`` beside this module; its head explains the format.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from pydantic import Field

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.fix.proposal import propose
from certify.judge.profiles import Budgets, Profile, load
from certify.model.reference import Reference
from certify.model.result import Result
from certify.model.terms import Level, Outcome, Status
from certify.model.value import Value
from tests.conftest import SAMPLES

T = TypeVar("T")
V = TypeVar("V", bound="Variant")
LABEL = "certify.sabotage"
AT_ONCE = 2
"""Certifications at a time: what a machine of two cores bears."""

LACKS = {
    "debian": {"systemd.installed", "dockerd.installed", "dockerd.compose", "workspace.git"},
    "debian-systemd": {"dockerd.installed", "dockerd.compose", "workspace.git"},
}
"""What a good sample lacks as shipped, and no sabotage took from it."""


class Variant(Value):
    """An image that is made from a good sample by a few lines of a Dockerfile."""

    repository: ClassVar[str]

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    why: str = Field(min_length=20)
    dockerfile: str = Field(min_length=4)
    base: str = "debian-devspace"
    prepare: str = ""
    times: int = 1
    profile: str = "devspace"
    budgets: dict[str, float] = Field(default_factory=dict)
    env: tuple[tuple[str, str], ...] = ()

    @property
    def held_to(self) -> Profile:
        """The profile, with the budgets that the variant names."""
        shipped = load(self.profile)
        budgets = Budgets(**shipped.budgets.model_dump() | self.budgets)
        return shipped.model_copy(update={"budgets": budgets})


class Sabotage(Variant):
    """One defect, and the one check that must tell of it."""

    repository = "certify-sabotage"

    check: str
    says: str = Field(min_length=3)
    mended: bool = False

    @property
    def prepared(self) -> Sabotage:
        """The image before its defect."""
        fields = {"name": f"before-{self.name}", "dockerfile": self.prepare, "prepare": ""}
        return self.model_copy(update=fields)

    @property
    def rejects(self) -> bool:
        """Whether the check that fails is a required one."""
        return self.held_to.level(self.check) is Level.REQUIRED


@cache
def sabotages() -> tuple[Sabotage, ...]:
    """All of them, in the order of the file."""
    text = Path(__file__).with_name("sabotages.toml").read_text("utf-8")
    return tuple(Sabotage.model_validate(each) for each in tomllib.loads(text)["sabotage"])


def build(engine: Engine, variant: Variant) -> str:
    """Build the image, unless it is there and up to date; its reference."""
    base = engine.client.images.get(f"{SAMPLES}/{variant.base}")
    parts = [f"FROM {base.id}", variant.prepare, *[variant.dockerfile] * variant.times]
    dockerfile = "".join(f"{part.rstrip()}\n" for part in parts if part)
    wanted = hashlib.sha256(dockerfile.encode()).hexdigest()
    name = f"{variant.repository}/{variant.name}:latest"
    found = engine.client.api.images(name, filters={"label": f"{LABEL}={wanted}"})
    if not found:
        engine.client.images.build(
            fileobj=io.BytesIO(dockerfile.encode()), tag=name, labels={LABEL: wanted},
            rm=True, forcerm=True,
        )  # fmt: skip
    return name


def examine(variant: Variant, *, lanes: bool = True) -> Result:
    """Build the image and certify it, its checks side by side or one after another."""
    with Engine.connect() as engine:
        reference = Reference.parse(build(engine, variant))
        options = Options(
            pull="never", base=f"{SAMPLES}/debian-devspace", env=variant.env, lanes=lanes
        )
        certification = Certification(engine, reference, options, removes_beside=True)
        (result,) = certification.run([variant.held_to])
    return result


def asked_for(session: pytest.Session, test: str, variants: Iterable[V]) -> tuple[V, ...]:
    """The variants that this run asks a test for, by its parameter ``name``."""
    names = {
        item.callspec.params["name"]
        for item in session.items
        if isinstance(item, pytest.Function) and item.originalname == test
    }
    return tuple(each for each in variants if each.name in names)


@contextmanager
def at_work(work: Callable[[V], T], chosen: Iterable[V]) -> Iterator[dict[str, Future[T]]]:
    """What comes of them, by name; what has not begun when the block ends never will."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            yield {each.name: pool.submit(work, each) for each in chosen}
        finally:
            pool.shutdown(cancel_futures=True)


def surprises(sabotage: Sabotage, result: Result) -> list[str]:
    """What is not as it should be, a line each; nothing if exactly the named check failed.

    Nor may ``certify fix`` promise to mend what it does not, or the other way round.
    """
    told = []
    lacks = LACKS.get(sabotage.base, set())
    failed = [
        each
        for each in result.checks
        if each.outcome is Outcome.FAILED and each.id not in lacks - {sabotage.check}
    ]
    wanted = Status.REJECTED if sabotage.rejects else Status.CERTIFIED
    if result.verdict.status is not wanted:
        reasons = "; ".join(f"{each.check}: {each.text}" for each in result.verdict.reasons)
        told.append(f"{result.verdict.status}, not {wanted}: {reasons}")
    if all(each.outcome is Outcome.UNKNOWN for each in result.checks):
        return told  # nothing could be asked: the machine's trouble, told once
    for each in failed:
        if each.id != sabotage.check:
            told.append(f"{each.id} failed as well: {each.message}")
        elif sabotage.says not in each.message:
            told.append(f"{each.id} does not say {sabotage.says!r}: {each.message}")
    if sabotage.check not in [each.id for each in failed]:
        told.append(f"{sabotage.check} did not fail")
    told += [
        f"{each.id} is unknown: {each.message}"
        for each in result.checks
        if each.outcome is Outcome.UNKNOWN
    ]
    told += [
        f"{each.id} was skipped and does not name {sabotage.check}: {each.message}"
        for each in result.checks
        if each.outcome is Outcome.SKIPPED and sabotage.check not in each.message
    ]
    promised = {step.check for step in propose(result).steps if step.fixes}
    if (sabotage.check in promised) is not sabotage.mended:
        does = "does not promise" if sabotage.mended else "promises"
        told.append(f"certify fix {does} to mend {sabotage.check}")
    if sabotage.rejects and {each.check for each in result.verdict.reasons} != {sabotage.check}:
        told.append(f"the reasons are {[each.check for each in result.verdict.reasons]}")
    return told
