"""The images of a list: globs are expanded by what their registries list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from certify.model.errors import ImageUnavailable, NoSuchImage, Trouble, UsageError
from certify.model.reference import DEFAULT_TAG, DOCKER_HUB, OFFICIAL, Reference
from certify.sweep.listing import Entry
from certify.util.text import one_line

_WILDCARDS = re.compile(r"\[[^\]]*\]|[*?]")
_IPV6 = re.compile(r"\[[0-9A-Fa-f]*:")


class Catalog(Protocol):
    """The listings of a registry."""

    def repositories(self, namespace: str) -> Iterator[str]:
        """Yield all repositories, or at least those whose names begin with ``namespace/``."""

    def tags(self, repository: str) -> Iterator[str]:
        """Yield the tags of a repository."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of a list."""

    reference: Reference
    profiles: tuple[str, ...] = ()
    """The profiles that its line names; empty for the caller's default."""
    platform: str | None = None
    """The platform that its line names, or ``all``; None for the caller's default."""
    platforms: tuple[str, ...] = ()
    """The platforms of its index, if all of them are listed; else empty."""
    trouble: Trouble | None = field(default=None, compare=False)
    """The reason that it cannot be certified here."""
    line: int = field(default=1, compare=False)
    """The first line that it is from."""


@dataclass(frozen=True, slots=True)
class UnlistedPattern:
    """A glob that could not be expanded, in whole or for one repository."""

    pattern: str
    """The glob, or the repository with the glob of its tags."""
    line: int
    trouble: ImageUnavailable


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of images by globs and by the number of tags."""

    include: tuple[str, ...] = ()
    """Globs for the familiar reference; empty for all images."""
    exclude: tuple[str, ...] = ()
    max_tags: int | None = None
    """The number of tags of each repository of a glob, the highest versions; None for all."""

    def selects(self, reference: Reference) -> bool:
        """Return True if a reference is included and not excluded."""
        name = reference.familiar
        included = not self.include or any(fnmatchcase(name, glob) for glob in self.include)
        return included and not any(fnmatchcase(name, glob) for glob in self.exclude)


def expand(
    entries: Sequence[Entry],
    connect: Callable[[str], AbstractContextManager[Catalog]],
    selection: Selection,
) -> tuple[list[ListedImage], list[UnlistedPattern]]:
    """Return all images of a list, each once, in its order, and the globs that failed.

    ``connect`` opens a registry by its host.
    """
    images: dict[ListedImage, None] = {}
    unlisted: list[UnlistedPattern] = []
    for entry in entries:
        for found in _references(entry, connect, selection):
            if isinstance(found, UnlistedPattern):
                unlisted.append(found)
            elif selection.selects(found):
                named = ListedImage(found, entry.profiles, entry.platform, line=entry.line)
                images.setdefault(named)
    return list(images), unlisted


def _references(
    entry: Entry,
    connect: Callable[[str], AbstractContextManager[Catalog]],
    selection: Selection,
) -> Iterator[Reference | UnlistedPattern]:
    if entry.reference is not None:
        yield entry.reference
        return
    host, repository_glob, tag_glob = split_pattern(str(entry.pattern))
    try:
        with connect(host) as registry:
            for repository in _repositories(registry, repository_glob):
                _parse(host, repository, DEFAULT_TAG)  # a registry may list anything
                try:
                    yield from _tagged(registry, host, repository, tag_glob, selection.max_tags)
                except NoSuchImage:
                    # Catalogs also list repositories without tags.
                    if repository == repository_glob:
                        raise
                except ImageUnavailable as trouble:
                    part = f"{host}/{repository}:{tag_glob}"
                    yield UnlistedPattern(part, entry.line, trouble)
    except ImageUnavailable as trouble:
        yield UnlistedPattern(entry.target, entry.line, trouble)


def _tagged(
    registry: Catalog, host: str, repository: str, tag_glob: str, most: int | None
) -> Iterator[Reference]:
    tags = [tag for tag in registry.tags(repository) if fnmatchcase(tag, tag_glob)]
    found = {tag: _parse(host, repository, tag) for tag in tags}
    for tag in highest_versions(found, most):
        yield found[tag]


def _parse(host: str, repository: str, tag: str) -> Reference:
    try:
        return Reference.parse(f"{host}/{repository}:{tag}")
    except UsageError as error:
        raise ImageUnavailable(
            f"{host} lists an image with an impossible name: {one_line(f'{repository}:{tag}')!r}",
            remedy="Report it to those who run the registry.",
        ) from error


def _repositories(registry: Catalog, glob: str) -> Iterable[str]:
    if not re.search(r"[*?\[]", glob):
        return [glob]
    namespace = re.split(r"[*?\[]", glob)[0].rpartition("/")[0]
    names = registry.repositories(namespace)
    return [name for name in names if fnmatchcase(name, glob)]


def split_pattern(pattern: str) -> tuple[str, str, str]:
    """Return the registry, which is never a glob, the glob of repositories and that of tags."""
    name, colon, tag = pattern.rpartition(":")
    if not colon or "/" in tag:
        name, tag = pattern, DEFAULT_TAG
    first, slash, rest = name.partition("/")
    bare = first if _IPV6.match(first) else _WILDCARDS.sub("x", first)
    found = Reference.parse(f"{bare}/x" if slash else bare)
    if not slash or found.repository not in ("x", f"{OFFICIAL}x"):
        rest = name  # its first part is no registry
    if found.registry == DOCKER_HUB and "/" not in rest:
        rest = f"{OFFICIAL}{rest}"
    return found.registry, rest, tag


def matches_pattern(pattern: str, name: str) -> bool:
    """Return True if a glob matches a reference."""
    host, repositories, tags = split_pattern(pattern)
    reference = Reference.parse(name)
    return (
        reference.registry == host
        and fnmatchcase(reference.repository, repositories)
        and fnmatchcase(reference.tag or "", tags)
    )


def highest_versions(tags: Iterable[str], count: int | None) -> list[str]:
    """Return the ``count`` tags with the highest versions, or all, in the order of versions."""
    ordered = sorted(tags, key=_version)
    return ordered if count is None else ordered[max(0, len(ordered) - count) :]


def _version(tag: str) -> list[tuple[int, int, str]]:
    """Return a sort key: 1.10 comes after 1.9, and ``latest`` after all others."""
    if tag == DEFAULT_TAG:
        return [(2, 0, "")]
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.findall(r"\d+|\D+", tag)
    ]
