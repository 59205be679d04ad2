"""What a sweep does with many images: resolve, divide into what is due, run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from typing import Any, Protocol

from certify.answers import Answers, Unit, named
from certify.certification import Options, certify, judged_by, unseen
from certify.engine.client import Engine
from certify.engine.pulled import Pulled
from certify.errors import Trouble
from certify.images.expand import Wanted
from certify.images.platform import normal
from certify.images.reference import Reference
from certify.images.registry import Registry
from certify.judge.plan import Item, Resolved
from certify.judge.profiles import Profile
from certify.model import Image, Result
from certify.timing import measured_host
from certify.watching import Watcher

RESOLVERS = 16
"""Registries are asked for so many digests at a time."""
PULLS_EACH = 2
"""What one image takes from a limit of pulls: the engine's, and reading its index."""


class Observer(Protocol):
    """Is told how a sweep goes on; from several threads."""

    def pulling(self, unit: Unit) -> AbstractContextManager[object]:
        """For as long as the image of a unit is fetched."""

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

        # Its threads are not waited for when somebody interrupts: a registry may be silent.
        with ThreadPool(RESOLVERS) as pool:
            found = pool.map(digest, wanted, chunksize=1)
    resolved = [
        _resolved(each, profiles[name], engine, options, *answer)
        for each, answer in zip(wanted, found, strict=True)
        for name in each.profiles or defaults
    ]
    resolved = list({each.key: each for each in resolved}.values())  # lines may overlap
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
        platform=wanted.platform or normal(engine.platform),
        digest=digest,
        suite=judged_by(profile, options, image),
        why=why,
    )


def units(
    items: Sequence[Item], profiles: Mapping[str, Profile], *, pull: str, native: str
) -> list[Unit]:
    """What is due: for each name the profiles that it is due for, and whom else that answers.

    ``native`` is the engine's own platform.
    """
    due: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.state.due:
            due.setdefault((item.wanted.reference, item.wanted.platform), []).append(item)
    followers: dict[str, list[Item]] = {}
    for item in items:
        if item.same_as is not None:
            followers.setdefault(item.same_as, []).append(item)
    found = []
    for (name, platform), alike in due.items():
        reference = Reference.parse(name)
        local = pull == "never" or reference.image_id
        pinned = replace(reference, tag=None, digest=alike[0].wanted.digest)
        identities = {item.wanted.identity for item in alike}
        answers = tuple(
            (Reference.parse(item.wanted.reference), item.wanted.profile)
            for item in (*alike, *followers.get(name, ()))
            if item.wanted.identity in identities
        )
        chosen = tuple(profiles[item.wanted.profile] for item in alike)
        asked = platform if platform != native else None
        found.append(Unit(reference if local else pinned, platform, asked, chosen, answers))
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


def run(
    due: Sequence[Unit],
    engine: Engine,
    options: Options,
    observer: Observer,
    record: Callable[[Result], Result],
    *,
    jobs: int,
    room: int,
) -> Answers:
    """Certify what is due, ``jobs`` at a time; record each answer the moment it is known.

    ``record`` gives it back as it is to be shown, if that is not what was found.
    The next images are pulled while others are certified, one after another, at most ``jobs``
    ahead and while there is room in ``room`` bytes; all that was pulled for this alone is
    removed again. On an interruption all that is under way is ended and cleaned up before it
    goes on to the caller.
    """
    stop = threading.Event()
    pulled = Pulled(engine, room, stop.is_set)
    said: Answers = {}

    def find(unit: Unit) -> Image:
        if options.pull == "never" or unit.reference.image_id:
            return engine.resolve(unit.reference, platform=unit.asked, pull="never")
        with observer.pulling(unit):
            return pulled.fetch(unit.reference, unit.platform)

    def one(unit: Unit, here: Future[Image]) -> list[Result]:
        chosen = replace(options, platform=unit.asked, stopped=stop.is_set)
        try:
            return certify(
                engine, unit.reference, unit.profiles, chosen, observer.watcher(unit),
                name=unit.names[0][0], find=here.result,
            )  # fmt: skip
        finally:
            if here.exception() is None:
                pulled.release(here.result())

    if due:
        measured_host(engine)  # while nothing else keeps it busy
    with ExitStack() as ending:
        ending.callback(pulled.clear)
        puller = ending.enter_context(ThreadPoolExecutor(1))
        runners = ending.enter_context(ThreadPoolExecutor(jobs))
        waiting = deque(due)
        pulls: dict[Future[Image], Unit] = {}
        running: dict[Future[list[Result]], Unit] = {}
        try:
            while waiting or pulls or running:
                ahead = len(running) >= 2 * jobs
                # What is held by those under way is given back by them, if by nobody else.
                if waiting and not pulls and not ahead and (pulled.has_room() or not running):
                    unit = waiting.popleft()
                    pulls[puller.submit(find, unit)] = unit
                # By polling, so that Ctrl-C is heard at once.
                under_way: set[Future[Any]] = {*pulls, *running}
                wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
                for here in [each for each in pulls if each.done()]:
                    unit = pulls.pop(here)
                    running[runners.submit(one, unit, here)] = unit
                for answered in [each for each in running if each.done()]:
                    unit = running.pop(answered)
                    answers = named(unit, answered.result())
                    said |= answers
                    observer.ended(unit, [record(answer) for answer in answers.values()])
        except BaseException:
            stop.set()
            puller.shutdown(wait=False, cancel_futures=True)
            runners.shutdown(wait=False, cancel_futures=True)
            raise
    return said
