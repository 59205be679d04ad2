"""Which Dockerfiles pass the published policy for Conftest, by a real engine of Rego."""

from __future__ import annotations

import json
from typing import Any

import pytest

from certify.approved.enforcement import policy_files
from tests.factories import a_list, an_entry, digest
from tests.support.rego import found, parsed

INDEX, MANIFEST, OTHER = digest(1), digest(2), digest(3)
APP = f"registry.invalid/team/app@{INDEX}"
UNNAMED = "is not named by a digest, as approved images are"
UNLISTED = "is not on the approved-images list"
VARIABLE = "is a variable, so that nobody can tell whether it is approved"


def denied(commands: Any, approved: dict[str, Any] | None = None) -> list[str]:
    """What the shipped policy says of a Dockerfile, by a real engine of Rego."""
    files, _ = policy_files(a_list(an_entry()))
    data = files["conftest/data.json"] if approved is None else json.dumps(approved)
    return found(files["conftest/certify.rego"], data, commands)


GOOD_FILES = {
    "by its index": f"FROM {APP}",
    "by its manifest": f"FROM app@{MANIFEST}",
    "with a tag and a port": f"FROM localhost:5000/app:1@{INDEX}",
    "for a platform": f"FROM --platform=linux/amd64 {APP}",
    "in small letters": f"from {APP} as base",
    "a mirror that a variable names": f"ARG MIRROR\nFROM $MIRROR/app@{INDEX}",
    "an earlier stage": f"FROM {APP} AS base\nRUN x\nFROM base AS next\nFROM Next",
    "an earlier stage in other letters": f"FROM {APP} as Base\nFROM bASE",
    "copied from a stage": f"FROM {APP} AS base\nFROM {APP}\nCOPY --chown=1 --from=BASE /a /b",
    "copied from a number": f"FROM {APP}\nFROM {APP}\nCOPY --from=0 /a /b",
    "copied from the second number": f"FROM {APP}\nFROM {APP}\nFROM {APP}\nCOPY --from=1 /a /b",
    "copied from an approved image": f"FROM {APP}\nCOPY --from=app@{MANIFEST} /a /b",
    "copied from the context": f"FROM {APP}\nCOPY --link a b\nADD a b",
    "mounted from a stage": f"FROM {APP} AS base\nFROM base\nRUN --mount=from=base,target=/b make",
    "mounted from an approved image": f"FROM {APP}\nRUN --mount=from={APP},target=/b make",
    "a cache": f"FROM {APP}\nRUN --mount=type=cache,target=/var/cache --network=none make",
    "what an instruction prints": f"FROM {APP}\nRUN echo FROM evil --from=evil\nENV FROM=evil",
    "comments": f"# FROM evil\n# syntax=docker/dockerfile:1\nFROM {APP}\n# COPY --from=evil",
    "what it does when built upon": f"FROM {APP}\nONBUILD COPY . /app",
}  # fmt: skip
BAD_FILES = {
    "FROM app:1": [f"FROM app:1: {UNNAMED}"],
    "FROM app": [f"FROM app: {UNNAMED}"],
    "FROM --platform=linux/amd64 app:1 AS x": [f"FROM app:1: {UNNAMED}"],
    f"FROM app@{OTHER}": [f"FROM app@{OTHER}: {UNLISTED}"],
    f"FROM app@{INDEX}0": [f"FROM app@{INDEX}0: {UNLISTED}"],
    f"FROM app@{INDEX}@{OTHER}": [f"FROM app@{INDEX}@{OTHER}: {UNLISTED}"],
    f"FROM app@{OTHER}@{INDEX}": [f"FROM app@{OTHER}@{INDEX}: {UNLISTED}"],
    f"FROM app@{INDEX.upper()}": [f"FROM app@{INDEX.upper()}: {UNLISTED}"],
    "FROM scratch": ["FROM scratch: is no image that anybody has certified"],
    "FROM Scratch": ["FROM Scratch: is no image that anybody has certified"],
    "ARG BASE=app\nFROM $BASE": [f"FROM $BASE: {VARIABLE}"],
    "ARG BASE\nFROM ${BASE:-app}": [f"FROM ${{BASE:-app}}: {VARIABLE}"],
    f"FROM ${{X:-a@{INDEX}}}": [f"FROM ${{X:-a@{INDEX}}}: {UNLISTED}"],
    f"FROM {APP}\nFROM app:1": [f"FROM app:1: {UNNAMED}"],
    # A stage has its name only for what comes after it.
    f"FROM base\nFROM {APP} AS base": [f"FROM base: {UNNAMED}"],
    "FROM base AS base": [f"FROM base: {UNNAMED}"],
    "FROM base AS base\nFROM base": [f"FROM base: {UNNAMED}"],
    f"FROM {APP} AS base\nFROM base:1": [f"FROM base:1: {UNNAMED}"],
    f"FROM {APP}\nFROM 0": [f"FROM 0: {UNNAMED}"],
    f"FROM {APP}\nCOPY --from=evil:1 /a /b": [f"COPY --from evil:1: {UNNAMED}"],
    f"FROM {APP}\ncopy --from=evil:1 /a /b": [f"COPY --from evil:1: {UNNAMED}"],
    f"FROM {APP}\nCOPY --link --from=$X /a /b": [f"COPY --from $X: {VARIABLE}"],
    f"FROM {APP}\nCOPY --from=x@{OTHER} /a /b": [f"COPY --from x@{OTHER}: {UNLISTED}"],
    f"FROM {APP}\nCOPY --from=later /a /b\nFROM {APP} AS later": [f"COPY --from later: {UNNAMED}"],
    f"FROM {APP} AS me\nCOPY --from=me /a /b": [f"COPY --from me: {UNNAMED}"],
    # A number that is of no earlier stage is an image to some builders.
    f"FROM {APP}\nCOPY --from=0 /a /b": [f"COPY --from 0: {UNNAMED}"],
    f"FROM {APP}\nFROM {APP}\nCOPY --from=2 /a /b": [f"COPY --from 2: {UNNAMED}"],
    f"FROM {APP}\nRUN --mount=type=bind,from=evil:1,target=/b make": [
        f"RUN --mount=from evil:1: {UNNAMED}"
    ],
    f"FROM {APP}\nRUN --mount=target=/b,FROM=evil:1 make": [f"RUN --mount=from evil:1: {UNNAMED}"],
    f'FROM {APP}\nRUN --mount=target=/b,"from=evil:1" make': [
        f"RUN --mount=from evil:1: {UNNAMED}"
    ],
    # Unlike COPY, it knows no numbers.
    f"FROM {APP}\nRUN --mount=from=0,target=/b make": [f"RUN --mount=from 0: {UNNAMED}"],
    f"FROM {APP}\nRUN --mount=type=cache,target=/a --mount=from=x,target=/b make": [
        f"RUN --mount=from x: {UNNAMED}"
    ],
    "FROM a\nFROM b\nCOPY --from=c /a /b": [
        f"COPY --from c: {UNNAMED}", f"FROM a: {UNNAMED}", f"FROM b: {UNNAMED}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD_FILES)
def test_a_dockerfile_on_approved_images_passes(name: str) -> None:
    assert denied(parsed(GOOD_FILES[name])) == []


@pytest.mark.parametrize("dockerfile", BAD_FILES)
def test_a_dockerfile_on_any_other_image_is_denied(dockerfile: str) -> None:
    assert denied(parsed(dockerfile)) == BAD_FILES[dockerfile]


def test_an_invalid_dockerfile_is_denied() -> None:
    combined = [{"path": "Dockerfile", "contents": parsed("FROM app:1")}]
    others: list[Any] = [[], parsed("# nothing\nRUN x"), combined, {}]
    said = "there is no FROM: give one Dockerfile at a time, without --combine"
    for each in others:
        assert denied(each) == [said]


def test_without_the_data_nothing_is_approved() -> None:
    without: list[dict[str, Any]] = [{}, {"certify": {}}, {"certify": {"approved": {}}}]
    for data in without:
        assert denied(parsed(f"FROM {APP}"), data) == [f"FROM {APP}: {UNLISTED}"]
