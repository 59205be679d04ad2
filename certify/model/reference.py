"""References to images, parsed as container engines parse them.

The grammar is that of the Distribution project: ``[registry/]repository[:tag][@digest]``. The first
component is a registry only if it has a dot, a colon or an upper-case letter, or is ``localhost``.
All other images are on Docker Hub, official ones under ``library/``.

``sha256:`` and 64 hexadecimal digits, or the digits alone, are the ID of a local image, as printed
by ``docker build --quiet``. So an image can be certified before it is pushed; see
:attr:`Reference.image_id`. So can one in a file, which ``oci:``, ``oci-archive:`` and
``docker-archive:`` name; see :attr:`Reference.archive`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from sys import intern
from typing import NoReturn

from certify.model.errors import BadReference

DOCKER_HUB = "docker.io"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
NAME_LIMIT = 255
"""The most characters of registry and repository together."""

_OLD_DOCKER_HUB = "index.docker.io"
_EXAMPLE = "registry.example/team/app:1.2"
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_ARCHIVE = re.compile(r"(?:oci|oci-archive|docker-archive):.+")
_IMAGE_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_REPOSITORY_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_BRACKETED_HOST = re.compile(r"\[([0-9A-Fa-f:]+)\](?::(.*))?", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to one image, by name, local ID or file; made by :meth:`parse`."""

    registry: str
    """The host, with the port if there is one; empty for an image ID and a file."""
    repository: str
    """The path on the registry, including ``library/``; empty for an image ID and a file."""
    tag: str | None = None
    """The tag; ``latest`` if the text has neither tag nor digest."""
    digest: str | None = None
    """The digest, as ``algorithm:hex``."""
    image_id: str | None = None
    """The ID of a local image, as ``sha256:hex``; all other fields are then empty."""
    archive: str | None = None
    """A file of images, as ``KIND:PATH[:NAME]``; all other fields are then empty."""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a reference as people and engines write it.

        Raises :class:`BadReference` for any other text; the message names the wrong part and
        gives a correct example.
        """
        if _ARCHIVE.fullmatch(text) and text.isprintable() and "://" not in text:
            return cls("", "", archive=text)
        _reject_common_mistakes(text)
        if found := _IMAGE_ID.fullmatch(text):
            return cls("", "", image_id=f"sha256:{found[1]}")
        if text.startswith("sha256:") and "/" not in text:
            # By the grammar alone, a shortened ID would be a tag of a repository "sha256".
            problem = "an image ID is 'sha256:' and 64 lower-case hexadecimal digits"
            _fail(text, problem, "debian:12")
        named, has_digest, digest = text.partition("@")
        name, has_tag, tag = _cut_tag(named)
        registry, repository = _qualify(name)
        _check_registry(text, registry)
        _check_repository(text, repository)
        if len(registry) + 1 + len(repository) > NAME_LIMIT:
            _fail(text, f"registry and repository are longer than {NAME_LIMIT} characters")
        if has_tag:
            _check_tag(text, tag)
        if has_digest:
            _check_digest(text, digest)
        default = None if has_digest else DEFAULT_TAG
        # Many references share them.
        own = tag if has_tag else default, digest or None
        return cls(intern(registry), intern(repository), *own)

    @property
    def name(self) -> str:
        """The registry and repository, without tag and digest; or the image ID or file."""
        return self.image_id or self.archive or f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The shortest text that people type and that is parsed as this reference."""
        if self.registry == DOCKER_HUB:
            for short in (self.repository.removeprefix(OFFICIAL), self.repository):
                text = short + self._suffix
                if _parsed(text) == self:
                    return text
        return str(self)

    @property
    def image_fields(self) -> dict[str, str | None]:
        """The fields of an :class:`~certify.model.result.Image` that follow from the reference."""
        return {
            "reference": self.familiar,
            "registry": self.registry or None,
            "repository": self.repository or None,
            "tag": self.tag,
        }

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return tag + (f"@{self.digest}" if self.digest is not None else "")

    def __str__(self) -> str:
        """Return the full canonical name, which is parsed as this reference."""
        return self.name + self._suffix


def quote(text: str, limit: int = 60) -> str:
    """Return text in quotes, safe to print on one line, cut to ``limit`` characters."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def split_registry(name: str) -> tuple[str, str]:
    """Return the registry that a name or a glob is for, and the rest of it.

    What begins with no registry is for Docker Hub, as in a reference.
    """
    first, slash, rest = name.partition("/")
    names_a_host = first == "localhost" or "." in first or ":" in first or first != first.lower()
    registry, rest = (first, rest) if slash and names_a_host else (DOCKER_HUB, name)
    return (DOCKER_HUB if registry == _OLD_DOCKER_HUB else registry), rest


def _fail(text: str, problem: str, example: str = _EXAMPLE) -> NoReturn:
    raise BadReference(
        f"{quote(text)} is not an image reference: {problem}; a correct example: {example}"
    )


def _parsed(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except BadReference:
        return None


def _reject_common_mistakes(text: str) -> None:
    """Raise clear messages for mistakes that the grammar would report obscurely."""
    if not text:
        _fail(text, "it is empty")
    if any(character.isspace() for character in text):
        tight = "".join(text.split())
        _fail(text, "it contains white space", tight if _parsed(tight) else _EXAMPLE)
    if text.startswith("-"):
        _fail(text, "it begins with '-', as an option does")
    scheme, found, rest = text.partition("://")
    if found:
        advice = rest if "://" not in rest and _parsed(rest) else _EXAMPLE
        _fail(text, f"it begins with {quote(scheme + found)}, but references are no URLs", advice)


def _cut_tag(text: str) -> tuple[str, bool, str]:
    """Return the name, True if there is a tag, and the tag; an earlier colon is of a port."""
    colon = text.find(":", text.rfind("/") + 1)
    return (text, False, "") if colon < 0 else (text[:colon], True, text[colon + 1 :])


def _qualify(name: str) -> tuple[str, str]:
    """Return registry and repository of a name, with the defaults of Docker Hub."""
    registry, repository = split_registry(name)
    if registry == DOCKER_HUB and repository and "/" not in repository:
        repository = OFFICIAL + repository
    return registry, repository


def _check_registry(text: str, registry: str) -> None:
    if registry.startswith("["):
        found = _BRACKETED_HOST.fullmatch(registry)
        host, port = (found[1], found[2]) if found else ("", None)
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            example = "[2001:db8::1]:5000/team/app:1.2"
            _fail(text, f"registry {quote(registry)} is not an IPv6 address in brackets", example)
    else:
        host, colon, rest = registry.partition(":")
        port = rest if colon else None
        if not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
            _fail(text, f"registry {quote(registry)} is not the name of a host")
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= 65535):
        example = "registry.example:5000/team/app:1.2"
        _fail(text, f"registry {quote(registry)} has no port number after its ':'", example)


def _check_repository(text: str, repository: str) -> None:
    if not repository:
        _fail(text, "the repository is missing")
    typed = repository.removeprefix(OFFICIAL)
    where = f"repository {quote(typed)}"
    for part in repository.split("/"):
        if _REPOSITORY_PART.fullmatch(part):
            continue
        foreign = next((c for c in part.lower() if not re.fullmatch(r"[a-z0-9._-]", c)), None)
        if not part:
            _fail(text, f"{where} has a '/' too many")
        if foreign is not None:
            _fail(text, f"{where} contains the character {quote(foreign)}")
        if part != part.lower():
            lowered = text.replace(typed, typed.lower(), 1)
            advice = lowered if _parsed(lowered) else _EXAMPLE
            _fail(text, f"{where} has upper-case letters", advice)
        if not (part[0].isalnum() and part[-1].isalnum()):
            _fail(text, f"{where} has a part that begins or ends with '.', '_' or '-'")
        _fail(text, f"{where} has separators in a row that must not follow each other")


def _check_tag(text: str, tag: str) -> None:
    if not tag:
        _fail(text, "the tag after ':' is empty", "debian:12")
    if len(tag) > 128:
        _fail(text, f"tag {quote(tag)} is longer than 128 characters", "debian:12")
    if not _TAG.fullmatch(tag):
        rule = "has characters other than letters, digits, '_', '.', '-', or begins with '.' or '-'"
        _fail(text, f"tag {quote(tag)} {rule}", "debian:12")


def _check_digest(text: str, digest: str) -> None:
    algorithm, _, digits = digest.partition(":")
    example = "debian@sha256: and 64 hexadecimal digits"
    if algorithm not in _HEX_DIGITS:
        known = ", ".join(_HEX_DIGITS)
        _fail(text, f"digest {quote(digest)} does not begin with one of {known} and ':'", example)
    expected = _HEX_DIGITS[algorithm]
    if not re.fullmatch(r"[0-9a-f]+", digits) or len(digits) != expected:
        rule = f"needs {expected} lower-case hexadecimal digits after {algorithm}:"
        _fail(text, f"digest {quote(digest)} {rule}, and has {len(digits)} characters", example)
