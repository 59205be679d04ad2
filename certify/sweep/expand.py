"""From the lines of a list to single images: globs are asked of their registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from certify.model.errors import ImageUnavailable, NoSuchImage, UsageError
from certify.model.reference import DEFAULT_TAG, Reference
from certify.sweep.listing import Entry
from certify.util.text import one_line


class Lists(Protocol):
    """What a registry can list."""

    def repositories(self, namespace: str) -> Iterator[str]:
        """Its repositories: all, or at least those whose names begin with ``namespace/``."""

    def tags(self, repository: str) -> Iterator[str]:
        """The tags of one of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One image that a list asks for."""

    reference: Reference
    profiles: tuple[str, ...] = ()
    """Empty where the list names none, for the caller's default."""
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A glob that its registry did not answer, or not for one of the repositories."""

    pattern: str
    """What it would have told: the glob, or the repository with the glob of its tags."""
    line: int
    trouble: ImageUnavailable


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the images that globs lead to are wanted."""

    include: tuple[str, ...] = ()
    """Globs over the familiar reference; empty: all."""
    exclude: tuple[str, ...] = ()
    max_tags: int | None = None
    """At most so many tags of each repository that a glob leads to, the highest versions."""

    def wants(self, reference: Reference) -> bool:
        """Whether include and exclude let it through."""
        name = reference.familiar
        included = not self.include or any(fnmatchcase(name, glob) for glob in self.include)
        return included and not any(fnmatchcase(name, glob) for glob in self.exclude)


def expand(
    entries: Sequence[Entry],
    connect: Callable[[str], AbstractContextManager[Lists]],
    selection: Selection,
) -> tuple[list[Wanted], list[Unlisted]]:
    """Every image that the entries ask for, each once, in their order; and what did not answer.

    ``connect`` opens a registry by its host.
    """
    wanted: dict[Wanted, None] = {}
    unlisted: list[Unlisted] = []
    for entry in entries:
        for found in _references(entry, connect, selection):
            if isinstance(found, Unlisted):
                unlisted.append(found)
            elif selection.wants(found):
                wanted[Wanted(found, entry.profiles, entry.platform)] = None
    return list(wanted), unlisted


def _references(
    entry: Entry,
    connect: Callable[[str], AbstractContextManager[Lists]],
    selection: Selection,
) -> Iterator[Reference | Unlisted]:
    if entry.reference is not None:
        yield entry.reference
        return
    host, repository_glob, tag_glob = split_pattern(str(entry.pattern))
    try:
        with connect(host) as registry:
            for repository in _repositories(registry, repository_glob):
                # What a registry lists is not yet a name: nothing is asked or sorted that is none.
                _named(host, repository, DEFAULT_TAG)
                try:
                    yield from _tagged(registry, host, repository, tag_glob, selection.max_tags)
                except NoSuchImage:
                    # Catalogues also list what has lost its last tag.
                    if repository == repository_glob:
                        raise
                except ImageUnavailable as trouble:
                    part = f"{host}/{repository}:{tag_glob}"
                    yield Unlisted(part, entry.line, trouble)
    except ImageUnavailable as trouble:
        yield Unlisted(entry.target, entry.line, trouble)


def _tagged(
    registry: Lists, host: str, repository: str, tag_glob: str, most: int | None
) -> Iterator[Reference]:
    tags = [tag for tag in registry.tags(repository) if fnmatchcase(tag, tag_glob)]
    found = {tag: _named(host, repository, tag) for tag in tags}
    for tag in newest(found, most):
        yield found[tag]


def _named(host: str, repository: str, tag: str) -> Reference:
    try:
        return Reference.parse(f"{host}/{repository}:{tag}")
    except UsageError as error:
        raise ImageUnavailable(
            f"{host} lists an image with an impossible name: {one_line(f'{repository}:{tag}')!r}",
            remedy="Ask whoever runs the registry.",
        ) from error


def _repositories(registry: Lists, glob: str) -> Iterable[str]:
    if not re.search(r"[*?\[]", glob):
        return [glob]
    namespace = re.split(r"[*?\[]", glob)[0].rpartition("/")[0]
    names = registry.repositories(namespace)
    return [name for name in names if fnmatchcase(name, glob)]


def split_pattern(pattern: str) -> tuple[str, str, str]:
    """Registry, glob of repositories, glob of tags; the registry is never a glob."""
    name, colon, tag = pattern.rpartition(":")
    if not colon or "/" in tag:
        name, tag = pattern, DEFAULT_TAG
    # What stands in for the wildcards decides nothing about where the registry's name ends.
    plain = Reference.parse(re.sub(r"\[[^\]]*\]|[*?]", "x", name))
    rest = name.split("/", 1)[1] if name.startswith(f"{plain.registry}/") else name
    if plain.registry == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return plain.registry, rest, tag


def would_list(pattern: str, name: str) -> bool:
    """Whether a glob leads to an image of this name, if its registry has it."""
    host, repositories, tags = split_pattern(pattern)
    reference = Reference.parse(name)
    return (
        reference.registry == host
        and fnmatchcase(reference.repository, repositories)
        and fnmatchcase(reference.tag or "", tags)
    )


def newest(tags: Iterable[str], count: int | None) -> list[str]:
    """The tags with the highest versions, in the order of versions."""
    ordered = sorted(tags, key=_version)
    return ordered if count is None else ordered[max(0, len(ordered) - count) :]


def _version(tag: str) -> list[tuple[int, int, str]]:
    """Numbers compare as numbers, 1.10 comes after 1.9; ``latest`` is the highest of all."""
    if tag == DEFAULT_TAG:
        return [(2, 0, "")]
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.findall(r"\d+|\D+", tag)
    ]
