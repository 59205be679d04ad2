"""A Dockerfile that mends an image, from the steps that were decided. Pure.

Whatever comes from an image stands in comments of one line each, or quoted in a command
that a rule allowed; nothing in it can become an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from certify.fix.rules import Action, Step, left
from certify.model.result import Result
from certify.publish import phrases
from certify.util.text import one_line

WIDTH = 80


@dataclass(frozen=True)
class PackageLines:
    """What the image's package manager is told; all empty where there is none."""

    layer: tuple[str, ...] = ()
    """Commands that add, in one layer, all that is to be installed or upgraded."""
    refresh: str = ""
    clean: str = ""


def dockerfile(
    result: Result, steps: Sequence[Step], packages: PackageLines, *, user: str = ""
) -> str:
    """The Dockerfile that takes ``steps`` on the image of ``result``.

    ``user`` is the user whom the image's programs run as, so that it stays what it was.
    """
    sections = [
        [*_origin(result), *_left(steps)],
        _from(result),
        *_runs(steps, packages, user),
        *(_offer(step) for step in steps if step.action is Action.OFFER),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _origin(result: Result) -> Iterator[str]:
    name = one_line(result.image.reference)
    moment = result.finished_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    yield from _comment(
        f"Made by certify from its result of {moment} for {name}, profile "
        f"{one_line(result.profile)}: {phrases.verdict_of(result)}."
    )
    yield from _comment("Build it, then certify what came of it: only that is the proof.")


def _left(steps: Iterable[Step]) -> Iterator[str]:
    for number, (why, checks) in enumerate(left(steps).items()):
        if not number:
            yield from ("#", "# Not mended here:")
        yield from _comment(f"{', '.join(checks)}: {why}", bullet="- ")


def _from(result: Result) -> list[str]:
    image = result.image
    digest = image.manifest_digest or image.digest
    if digest and image.repository:
        return [f"FROM {image.registry}/{image.repository}@{digest}"]
    build = "docker build --build-arg BASE={} - <Dockerfile"
    named = image.tag is not None
    return [
        *_comment(
            "The image is in no registry, so it is named by its id, which only the classic "
            "builder understands. BuildKit would look for it on Docker Hub, and needs a local tag:"
        ),
        *([] if named else [f"#   docker tag {image.image_id} base:certified"]),
        f"#   {build.format(one_line(image.reference) if named else 'base:certified')}",
        f"ARG BASE={image.image_id}",
        "FROM ${BASE}",
    ]


def _runs(steps: Sequence[Step], packages: PackageLines, user: str) -> Iterator[list[str]]:
    takes = [step for step in steps if step.mends]
    if not takes:
        return
    root = not user or user.partition(":")[0] in ("0", "root")
    if not root:
        yield ["USER root"]
    commands = [step for step in takes if step.action is Action.RUN]
    yield from (_run([step], [step.what]) for step in commands if step.first)
    installs = [step for step in takes if step.action in (Action.INSTALL, Action.UPGRADE)]
    if installs:
        yield _run(installs, packages.layer)
    for step in commands:
        if step.lists:
            yield _run([step], [packages.refresh, step.what, packages.clean])
        elif not step.first:
            yield _run([step], [step.what])
    if not root:
        yield [f"USER {one_line(user)}"]


def _run(steps: Sequence[Step], commands: Sequence[str]) -> list[str]:
    """A RUN under the names of the checks that it mends, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        reasons.setdefault(step.why, []).append(step.check)
    comments = [
        line
        for why, checks in reasons.items()
        for line in _comment(f"{', '.join(dict.fromkeys(checks))}: {why}")
    ]
    return [*comments, "RUN " + " \\\n && ".join(filter(None, commands))]


def _offer(step: Step) -> list[str]:
    return [*_comment(f"{step.check}: {step.why}"), f"# RUN {step.what}"]


def _comment(text: str, bullet: str = "") -> Iterator[str]:
    """Comment lines; a word that is too long for one (a reference) is left whole."""
    for row in wrap(
        one_line(text, 2000),
        WIDTH - 2,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield f"# {row}"
