"""The story of many images: resolve, plan, run, record."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from certify.certification import Options, certify, judged_by, unseen
from certify.engine.client import Engine
from certify.engine.pulled import Pulled
from certify.errors import ImageUnavailable, Trouble
from certify.images.expand import Wanted
from certify.images.reference import Reference
from certify.images.registry import Registry
from certify.judge.plan import Item, Resolved, State
from certify.judge.profiles import Profile
from certify.model import Result
from certify.watching import Unwatched, Watcher

RESOLVERS = 16
"""Registries are asked for so many digests at a time."""
PULLS_EACH = 2
"""What one image takes from a limit of pulls: the engine's, and reading its index."""


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
    wanted: Sequence[Wanted],
    defaults: Sequence[str],
    profiles: Mapping[str, Profile],
    engine: Engine,
    options: Options,
) -> tuple[list[Resolved], dict[str, int]]:
    """What each wanted image is now, one entry for each of its profiles; and what may be pulled.

    The second answer is how many pulls each registry still allows, of those that say so.

    ``defaults`` are the profiles of an image that names none. Registries are asked by HEAD
    alone, many at a time, over kept connections; if nothing is to be pulled, the images that
    the engine has are meant.
    """
    kept = threading.local()
    opened: list[Registry] = []
    with ExitStack() as connections:

        def registry(host: str) -> Registry:
            """This thread's connection to a registry."""
            mine: dict[str, Registry] = kept.__dict__.setdefault("registries", {})
            if host not in mine:
                mine[host] = connections.enter_context(engine.registry(host))
                opened.append(mine[host])
            return mine[host]

        def digest(each: Wanted) -> tuple[str | None, str]:
            reference = each.reference
            try:
                if options.pull == "never" or reference.image_id:
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
    resolved = [
        _resolved(each, profiles[name], engine, options, *answer)
        for each, answer in zip(wanted, found, strict=True)
        for name in each.profiles or defaults
    ]
    allowed: dict[str, int] = {}
    for each in opened:
        if each.remaining is not None:
            allowed[each.host] = min(each.remaining, allowed.get(each.host, each.remaining))
    return resolved, allowed


def _resolved(
    wanted: Wanted,
    profile: Profile,
    engine: Engine,
    options: Options,
    digest: str | None,
    why: str,
) -> Resolved:
    reference = wanted.reference
    image = unseen(reference, wanted.platform).model_copy(update={"digest": digest})
    return Resolved(
        reference=reference.familiar,
        profile=profile.name,
        platform=wanted.platform or engine.platform,
        digest=digest,
        suite=judged_by(profile, options, image),
        why=why,
    )


def units(items: Sequence[Item], profiles: Mapping[str, Profile], *, pull: str) -> list[Unit]:
    """What is due: for each name the profiles that it is due for, and whom else that answers."""
    due: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.state.due:
            due.setdefault((item.wanted.reference, item.wanted.platform), []).append(item)
    found = []
    for (name, platform), alike in due.items():
        reference = Reference.parse(name)
        local = pull == "never" or reference.image_id
        pinned = replace(reference, tag=None, digest=alike[0].wanted.digest)
        identities = {item.wanted.identity for item in alike}
        answers = tuple(
            (Reference.parse(item.wanted.reference), item.wanted.profile)
            for item in items
            if item in alike or (item.same_as == name and item.wanted.identity in identities)
        )
        chosen = tuple(profiles[item.wanted.profile] for item in alike)
        found.append(Unit(reference if local else pinned, platform, chosen, answers))
    return found


def affordable(
    due: Sequence[Unit], allowed: Mapping[str, int], *, pull: str
) -> tuple[list[Unit], list[Unit]]:
    """What may be run, and what must wait because its registry allows no more pulls for now."""
    left = dict(allowed)
    now: list[Unit] = []
    later: list[Unit] = []
    for unit in due:
        host = unit.reference.registry
        if pull == "never" or host not in left:
            now.append(unit)
        elif left[host] >= PULLS_EACH:
            left[host] -= PULLS_EACH
            now.append(unit)
        else:
            later.append(unit)
    return now, later


def postponed(units: Sequence[Unit], options: Options) -> list[Result]:
    """The answers for what must wait: none, and why."""
    found: list[Result] = []
    for unit in units:
        trouble = ImageUnavailable(
            f"{unit.reference.registry} allows no more pulls for now",
            remedy="Log in to it for a higher limit, or sweep again later: the rest goes on then.",
        )
        chosen, name = replace(options, platform=unit.platform), unit.names[0][0]
        answers = certify(trouble, unit.reference, unit.profiles, chosen, Unwatched(), name=name)
        found += named(unit, answers)
    return found


def run(
    due: Sequence[Unit],
    engine: Engine,
    options: Options,
    observer: Observer,
    record: Callable[[Result], object],
    *,
    jobs: int,
    room: int,
) -> list[Result]:
    """Certify what is due, ``jobs`` at a time; record each answer the moment it is known.

    The next images are pulled while others are certified, at most ``jobs`` ahead and into
    ``room`` bytes; all that was pulled for this alone is removed again. On an interruption
    all that is under way is ended and cleaned up before it goes on to the caller.
    """
    pulled = Pulled(engine, room)
    stop = threading.Event()
    results: list[Result] = []

    def pull(unit: Unit) -> str | None:
        return pulled.fetch(unit.reference, unit.platform, pull=options.pull)

    def one(unit: Unit, image_id: str | None) -> list[Result]:
        chosen = replace(options, platform=unit.platform, stopped=stop.is_set)
        try:
            watcher, name = observer.watcher(unit), unit.names[0][0]
            return certify(engine, unit.reference, unit.profiles, chosen, watcher, name=name)
        finally:
            pulled.release(image_id)

    with ExitStack() as ending:
        ending.callback(pulled.clear)
        puller = ending.enter_context(ThreadPoolExecutor(1))
        runners = ending.enter_context(ThreadPoolExecutor(jobs))
        waiting = deque(due)
        pulls: dict[Future[str | None], Unit] = {}
        running: dict[Future[list[Result]], Unit] = {}
        try:
            while True:
                while waiting and len(pulls) + len(running) < 2 * jobs:
                    # What is held by those under way is given back by them, if by nobody else.
                    if not pulled.has_room() and (pulls or running):
                        break
                    unit = waiting.popleft()
                    pulls[puller.submit(pull, unit)] = unit
                if not pulls and not running:
                    return results
                # By polling, so that Ctrl-C is heard at once.
                wait([*pulls], timeout=0 if running else 0.5, return_when=FIRST_COMPLETED)
                wait([*running], timeout=0.5 if running else 0, return_when=FIRST_COMPLETED)
                for here in [each for each in pulls if each.done()]:
                    unit = pulls.pop(here)
                    running[runners.submit(one, unit, here.result())] = unit
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


def named(unit: Unit, results: Sequence[Result]) -> list[Result]:
    """The results, once for each name that leads to the image."""
    by_profile = {result.profile: result for result in results}
    return [renamed(by_profile[profile], reference) for reference, profile in unit.names]


def renamed(result: Result, reference: Reference) -> Result:
    """The same answer under another name of the same image."""
    return result.model_copy(update={"image": result.image.model_copy(update=reference.fields)})


def others(
    items: Sequence[Item],
    profiles: Mapping[str, Profile],
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
