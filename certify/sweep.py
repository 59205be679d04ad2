"""The story of many images: resolve, plan, run, record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from certify.certification import Options, Watcher, certify
from certify.engine.client import Engine
from certify.errors import ImageUnavailable, Trouble
from certify.images.expand import Wanted
from certify.images.reference import Reference
from certify.images.registry import Registry
from certify.judge.plan import Item, Resolved, State
from certify.judge.profiles import Profile
from certify.model import Claim, Finding, Result

RESOLVERS = 16
"""Registries are asked for so many digests at a time."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One image to certify, once, for all profiles and under all names that lead to it."""

    reference: Reference
    """Pinned by digest, or the name of a local image."""
    platform: str
    profiles: tuple[Profile, ...]
    names: tuple[tuple[Reference, str], ...]
    """(reference, profile) of every item that its results answer."""


class Observer(Protocol):
    """Is told how a sweep goes on; from several threads."""

    def watcher(self, unit: Unit) -> Watcher:
        """Somebody to tell how one unit goes on."""

    def ended(self, unit: Unit, results: Sequence[Result]) -> None:
        """A unit has its answer."""


def resolve(
    wanted: Sequence[Wanted], profiles: Sequence[str], engine: Engine, *, pull: str
) -> list[Resolved]:
    """What each wanted image is now: one entry for each of its profiles.

    Registries are asked by HEAD alone, many at a time, over kept connections. With
    ``pull`` never, the images that the engine has are meant.
    """
    kept = threading.local()
    with ExitStack() as connections:

        def registry(host: str) -> Registry:
            """This thread's connection to a registry."""
            mine: dict[str, Registry] = kept.__dict__.setdefault("registries", {})
            if host not in mine:
                mine[host] = connections.enter_context(Registry(host, engine.login))
            return mine[host]

        def digest(each: Wanted) -> tuple[str | None, str]:
            reference = each.reference
            try:
                if pull == "never" or reference.image_id:
                    found = engine.resolve(reference, platform=each.platform, pull="never")
                    return found.digest or found.image_id, ""
                if reference.digest:
                    return reference.digest, ""
                tag = reference.tag or "latest"
                return registry(reference.registry).digest(reference.repository, tag), ""
            except Trouble as trouble:
                return None, trouble.message

        with ThreadPoolExecutor(RESOLVERS) as pool:
            found = list(pool.map(digest, wanted))
    return [
        Resolved(
            reference=each.reference.familiar,
            profile=profile,
            platform=each.platform or engine.platform,
            digest=digest_,
            why=why,
        )
        for each, (digest_, why) in zip(wanted, found, strict=True)
        for profile in each.profiles or profiles
    ]


def units(items: Sequence[Item], profiles: dict[str, Profile], *, pull: str) -> list[Unit]:
    """What is due, each image once: names of one digest and their profiles go together."""
    due = {item.wanted.identity: item for item in items if item.state.due}
    grouped: dict[tuple[str | None, str], list[Item]] = {}
    for item in items:
        if item.wanted.identity in due:
            grouped.setdefault(item.wanted.identity[:2], []).append(item)
    found = []
    for (digest, platform), alike in grouped.items():
        first = Reference.parse(alike[0].wanted.reference)
        local = pull == "never" or first.image_id
        pinned = first if local else replace(first, tag=None, digest=digest)
        names = {item.wanted.profile: profiles[item.wanted.profile] for item in alike}
        answers = tuple(
            (Reference.parse(item.wanted.reference), item.wanted.profile) for item in alike
        )
        found.append(Unit(pinned, platform, tuple(names.values()), answers))
    return found


def run(
    due: Sequence[Unit],
    engine: Engine,
    options: Options,
    observer: Observer,
    record: Callable[[Result], object],
    *,
    jobs: int,
) -> list[Result]:
    """Certify what is due, ``jobs`` at a time; record each answer the moment it is known.

    The next images are pulled while others are certified, at most ``jobs`` ahead; an
    image that was pulled for this alone is removed again. On an interruption all that
    is under way is ended and cleaned up before it goes on to the caller.
    """
    stop = threading.Event()
    results: list[Result] = []

    def one(unit: Unit, pulled: bool) -> list[Result]:
        chosen = replace(options, platform=unit.platform, stopped=stop.is_set)
        try:
            return certify(engine, unit.reference, unit.profiles, chosen, observer.watcher(unit))
        finally:
            if pulled:
                engine.forget(unit.reference)

    with ThreadPoolExecutor(1) as puller, ThreadPoolExecutor(jobs) as runners:
        waiting = iter(due)
        pulls: dict[Future[bool], Unit] = {}
        running: dict[Future[list[Result]], Unit] = {}
        try:
            while True:
                while len(pulls) + len(running) < 2 * jobs and (unit := next(waiting, None)):
                    pulls[puller.submit(_pull, engine, unit, options)] = unit
                if not pulls and not running:
                    return results
                # By polling, so that Ctrl-C is heard at once.
                wait([*pulls], timeout=0 if running else 0.5, return_when=FIRST_COMPLETED)
                wait([*running], timeout=0.5 if running else 0, return_when=FIRST_COMPLETED)
                for pull in [each for each in pulls if each.done()]:
                    unit = pulls.pop(pull)
                    running[runners.submit(one, unit, pull.result())] = unit
                for answered in [each for each in running if each.done()]:
                    unit = running.pop(answered)
                    answers = named(unit, answered.result())
                    for answer in answers:
                        record(answer)
                    results += answers
                    observer.ended(unit, answers)
        except BaseException:
            stop.set()
            puller.shutdown(wait=False, cancel_futures=True)
            runners.shutdown(wait=False, cancel_futures=True)
            raise


def _pull(engine: Engine, unit: Unit, options: Options) -> bool:
    """Whether the image was pulled just now; what went wrong, the certification will tell."""
    try:
        engine.resolve(unit.reference, platform=unit.platform, pull="never")
    except Trouble:
        pass
    else:
        return False
    if options.pull == "never":
        return False
    try:
        engine.resolve(unit.reference, platform=unit.platform, pull="missing")
    except Trouble:
        return False
    return True


def named(unit: Unit, results: Sequence[Result]) -> list[Result]:
    """The results, once for each name that leads to the image."""
    by_profile = {result.profile: result for result in results}
    return [renamed(by_profile[profile], reference) for reference, profile in unit.names]


def renamed(result: Result, reference: Reference) -> Result:
    """The same answer under another name of the same image."""
    names = {
        "reference": reference.familiar,
        "registry": reference.registry or None,
        "repository": reference.repository or None,
        "tag": reference.tag,
    }
    return result.model_copy(update={"image": result.image.model_copy(update=names)})


def others(
    items: Sequence[Item],
    profiles: dict[str, Profile],
    options: Options,
    standing: Sequence[Result],
) -> list[Result]:
    """What there is to record of images that were not run: the same answers under other names,
    and silence where no registry could tell what an image is.
    """
    known = {
        (result.image.reference, result.image.platform, result.profile): result
        for result in standing
    }
    found: list[Result] = []
    for item in items:
        wanted = item.wanted
        if item.state is State.SAME:
            answer = known.get((str(item.same_as), wanted.platform, wanted.profile))
            mine = known.get((wanted.reference, wanted.platform, wanted.profile))
            if answer is not None and (mine is None or mine.image.digest != answer.image.digest):
                found.append(renamed(answer, Reference.parse(wanted.reference)))
        elif item.state is State.UNRESOLVED:
            trouble = ImageUnavailable(item.why, remedy="See to the registry, then sweep again.")
            reference = Reference.parse(wanted.reference)
            chosen = replace(options, platform=wanted.platform)
            found += certify(trouble, reference, [profiles[wanted.profile]], chosen, Unwatched())
    return found


class Unwatched:
    """A watcher for what nobody needs to watch."""

    def phase(self, what: str) -> None:
        """Nobody is told."""

    def finding(self, finding: Finding, claim: Claim | None) -> None:
        """Nobody is told."""

    def kept(self, container: str) -> None:
        """Nobody is told."""
