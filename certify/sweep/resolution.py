"""The digests of wanted images, asked of their registries."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.pool import ThreadPool

from certify.certification.certify import Options, judged_by, unseen
from certify.engine.client import Engine
from certify.judge.profiles import Profile
from certify.model.errors import Trouble
from certify.model.platform import normalize_platform
from certify.registry.client import Registry
from certify.sweep.expand import Wanted
from certify.sweep.plan import Resolved

RESOLVERS = 16
"""Registries are asked for so many digests at a time."""


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
        platform=wanted.platform or normalize_platform(engine.platform),
        digest=digest,
        suite=judged_by(engine, profile, replace(options, platform=wanted.platform), image),
        why=why,
    )
