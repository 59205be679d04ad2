"""A Dockerfile that fixes an image, written from steps. Pure.

Text from an image appears only in one-line comments, or quoted in the command of a rule; it can
never become an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from certify.fix.rules import Action, Step, unfixed
from certify.model.result import Result
from certify.util.text import one_line

WIDTH = 80


@dataclass(frozen=True)
class PackageLines:
    """Commands of the image's package manager; all empty if it has none."""

    layer: tuple[str, ...] = ()
    """Commands that install and upgrade everything in one layer."""
    refresh: str = ""
    clean: str = ""


@dataclass(frozen=True)
class BaseFacts:
    """Facts about an image that a Dockerfile on top of it must heed."""

    user: str = ""
    """The user that its programs run as; empty for root."""
    triggers: tuple[str, ...] = ()
    """The ONBUILD instructions of the image; they run first in every build on it."""


PLAIN_BASE = BaseFacts()
"""An image of root's, without ONBUILD instructions."""


def dockerfile(
    result: Result, steps: Sequence[Step], packages: PackageLines, base: BaseFacts = PLAIN_BASE
) -> str:
    """Return a Dockerfile that applies ``steps`` to the image of ``result``.

    The user of the image's programs stays the same.
    """
    sections = [
        [*_origin(result), *_unfixed(steps), *_triggers(base.triggers)],
        _from(result),
        *_runs(steps, packages, base.user),
        *(_offer(step) for step in steps if step.action is Action.OFFER),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _origin(result: Result) -> Iterator[str]:
    name, verdict = one_line(result.image.reference), result.verdict
    grade = f" {verdict.grade.value}" if verdict.grade else ""
    moment = result.finished_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    yield from _comment(
        f"Made by certify from its result of {moment} for {name}, profile "
        f"{one_line(result.profile)}: {verdict.status.value}{grade}."
    )
    yield from _comment("Build it and certify the result; only that proves the fix.")


def _unfixed(steps: Iterable[Step]) -> Iterator[str]:
    for number, (reason, checks) in enumerate(unfixed(steps).items()):
        if not number:
            yield from ("#", "# Not fixed here:")
        yield from _comment(f"{', '.join(checks)}: {reason}", bullet="- ")


def _triggers(triggers: Iterable[str]) -> Iterator[str]:
    for number, trigger in enumerate(triggers):
        if not number:
            yield "#"
            yield from _comment(
                "The image has ONBUILD instructions, which run when this is built. Build it in a "
                "folder with the files that they name, or with `certify fix --build`, which "
                "builds on a copy of the image without them:"
            )
        yield from _comment(trigger, bullet="- ")


def _from(result: Result) -> list[str]:
    image = result.image
    digest = image.manifest_digest or image.digest
    if digest and image.repository:
        return [f"FROM {image.registry}/{image.repository}@{digest}"]
    build = "docker build --build-arg BASE={} - <Dockerfile"
    named = image.tag is not None
    return [
        *_comment(
            "The image is in no registry, so FROM has its id, which only the classic builder "
            "understands. BuildKit would look for it on Docker Hub, and needs a local tag:"
        ),
        *([] if named else [f"#   docker tag {image.image_id} base:certified"]),
        f"#   {build.format(one_line(image.reference) if named else 'base:certified')}",
        f"ARG BASE={image.image_id}",
        "FROM ${BASE}",
    ]


def _runs(steps: Sequence[Step], packages: PackageLines, user: str) -> Iterator[list[str]]:
    applied = [step for step in steps if step.fixes]
    if not applied:
        return
    root = not user or user.partition(":")[0] in ("0", "root")
    if not root:
        yield ["USER root"]
    for step in applied:
        if step.action is Action.ENV:
            yield [*_comment(f"{step.check}: {step.reason}"), f"ENV {step.argument}"]
    commands = [step for step in applied if step.action is Action.RUN]
    yield from (_run([step], [step.argument]) for step in commands if step.first)
    installs = [step for step in applied if step.action in (Action.INSTALL, Action.UPGRADE)]
    if installs:
        yield _run(installs, packages.layer)
    for step in commands:
        if step.needs_lists:
            yield _run([step], [packages.refresh, step.argument, packages.clean])
        elif not step.first:
            yield _run([step], [step.argument])
    if not root:
        yield [f"USER {one_line(user)}"]


def _run(steps: Sequence[Step], commands: Sequence[str]) -> list[str]:
    """Return a RUN below comments with the checks that it fixes, grouped by their reason."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        reasons.setdefault(step.reason, []).append(step.check)
    comments = [
        line
        for reason, checks in reasons.items()
        for line in _comment(f"{', '.join(dict.fromkeys(checks))}: {reason}")
    ]
    return [*comments, "RUN " + " \\\n && ".join(filter(None, commands))]


def _offer(step: Step) -> list[str]:
    return [*_comment(f"{step.check}: {step.reason}"), f"# RUN {step.argument}"]


def _comment(text: str, bullet: str = "") -> Iterator[str]:
    """Yield comment lines; a word that is longer than a line, such as a reference, stays whole."""
    for row in wrap(
        one_line(text, 2000),
        WIDTH - 2,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield f"# {row}"
