"""What is attached to an image in its registry: OCI artifacts that name it as their subject.

As the OCI Distribution Specification 1.1 has it ("Listing Referrers", "Pushing Manifests with
Subject"): a registry lists referrers at an API of its own, or, where it has none, whoever
pushes keeps the list: an index under the tag ``sha256-HEX``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests

from certify.model.errors import ImageUnavailable
from certify.registry.client import Registry
from certify.registry.transport import pages
from certify.util.text import one_line

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ANY = ", ".join(
    (
        MANIFEST,
        INDEX,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
}
"""The descriptor of ``{}``, which stands for "no configuration"."""
LARGEST = 4 * 1024 * 1024
"""Bytes of a manifest, which registries limit so, and of what is attached."""
MOST = 256
"""Artifacts of one type that are looked at; no image has as many by right."""
MOST_LISTED = 10_000
"""Artifacts of every type; whoever lists more wants to be read without end."""
_NO_API = (400, 404, 405)

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to attach to an image, or one that is attached."""

    artifact_type: str
    content: bytes
    annotations: tuple[tuple[str, str], ...] = ()

    def manifest(self, subject: Descriptor) -> bytes:
        """The manifest that ties it to its subject; the same for the same content."""
        layer = {"mediaType": self.artifact_type, **_described(self.content)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": self.artifact_type,
            "config": EMPTY,
            "layers": [layer],
            "subject": subject,
            "annotations": dict(self.annotations),
        }
        return json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()


class Referrers:
    """What is attached to the images of one repository.

    Every method raises :class:`ImageUnavailable` for anything that keeps the registry from
    an answer.
    """

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry = registry
        self._repository = repository

    def listed(self, digest: str, artifact_type: str) -> list[Descriptor]:
        """Descriptors of what is attached to a digest and may be of the type.

        Some registries' own lists tell the type of an artifact's empty configuration instead;
        and some keep a list of which they tell nobody who pushes, so both lists count.
        """
        every = [*(self._referrers(digest) or ()), *self._index(digest)]
        unique = {str(each.get("digest")): each for each in every}
        types = (artifact_type, EMPTY["mediaType"], None)
        found = [each for each in unique.values() if each.get("artifactType") in types]
        if len(found) > MOST:
            raise ImageUnavailable(
                f"{self._registry.host}: {len(found)} artifacts are attached to {digest}",
                remedy=f"Remove what nobody needs: no more than {MOST} are looked at.",
            )
        return found

    def read(self, descriptor: Descriptor, artifact_type: str) -> bytes | None:
        """The content of an attached artifact, checked by its digest; null for another type."""
        with self._registry.answering(f"give what is attached to {self._repository}"):
            manifest = self._content(f"manifests/{descriptor.get('digest')}")
            layer = _only_layer(manifest, artifact_type)
            return None if layer is None else self._content(f"blobs/{layer}")

    def attach(self, digest: str, artifact: Artifact) -> bool:
        """Attach an artifact to a digest; false if it was attached already.

        Without an API two that attach at once could overwrite each other's list: ask again
        a little later, with the same artifact, to see that it stayed.
        """
        manifest = artifact.manifest(self._subject(digest))
        mine = {
            "mediaType": MANIFEST,
            "artifactType": artifact.artifact_type,
            **_described(manifest),
            "annotations": dict(artifact.annotations),
        }
        if _holds(self.listed(digest, artifact.artifact_type), mine):
            return False
        self._push_blob(b"{}")
        self._push_blob(artifact.content)
        pushed = self._put(f"manifests/{mine['digest']}", manifest, MANIFEST)
        by_itself = "OCI-Subject" in pushed.headers
        if not by_itself and not _holds(self._referrers(digest) or (), mine):
            self._add_to_index(digest, mine)
        return True

    def _add_to_index(self, digest: str, mine: Descriptor) -> None:
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [*self._index(digest), mine],
        }
        raw = json.dumps(index, separators=(",", ":")).encode()
        self._put(f"manifests/{_tag(digest)}", raw, INDEX)

    def _referrers(self, digest: str) -> list[Descriptor] | None:
        """What the registry's own API lists, page by page; null if it has none."""
        path, entries = f"referrers/{digest}", list[Descriptor]()
        with self._registry.answering(f"list what is attached to {digest}"):
            for _ in pages(MOST):
                answer = self._ask("get", path, missing=_NO_API, accept=INDEX)
                if answer is None:
                    return None
                entries += _entries(answer.content)
                if len(entries) > MOST_LISTED:
                    raise ValueError("its list does not end")
                following = answer.links.get("next")
                if following is None:
                    break
                path = urljoin(answer.url, following["url"])
        return entries

    def _index(self, digest: str) -> list[Descriptor]:
        """What the index under the fallback tag holds; nothing if there is no such tag."""
        answer = self._get(f"manifests/{_tag(digest)}", missing=(404,), accept=INDEX)
        return [] if answer is None else _entries(answer)

    def _subject(self, digest: str) -> Descriptor:
        with self._registry.answering(f"find {self._repository}@{digest}"):
            head = self._ask("head", f"manifests/{digest}")
            assert head is not None
            size, kind = int(head.headers["Content-Length"]), head.headers["Content-Type"]
        return {"mediaType": kind, "digest": digest, "size": size}

    def _push_blob(self, content: bytes) -> None:
        digest = _described(content)["digest"]
        if self._ask("head", f"blobs/{digest}", missing=(404,)) is not None:
            return
        begun = self._ask("post", "blobs/uploads/")
        assert begun is not None
        with self._registry.answering(f"take an upload to {self._repository}"):
            location = begun.headers["Location"]
        mark = "&" if "?" in location else "?"
        self._put(f"{location}{mark}digest={digest}", content, "application/octet-stream")

    def _content(self, path: str) -> bytes:
        """Bytes that are what their digest, the end of the path, says. Raises ValueError."""
        content = self._get(path)
        assert content is not None
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != path.rpartition("/")[2]:
            raise ValueError(f"{path} is something else than its digest says")
        return content

    def _get(self, path: str, *, missing: tuple[int, ...] = (), accept: str = ANY) -> bytes | None:
        answer = self._ask("get", path, missing=missing, accept=accept)
        return None if answer is None else answer.content

    def _ask(
        self,
        method: str,
        path: str,
        *,
        missing: tuple[int, ...] = (),
        accept: str = ANY,
        content_type: str | None = None,
        **request: Any,
    ) -> requests.Response | None:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content_type else {})
        answer = self._registry.ask(
            self._repository, method, path, missing=missing, headers=headers, **request
        )
        if answer is not None and len(answer.content) > LARGEST:
            with self._registry.answering(f"give {one_line(path)} of {self._repository}"):
                raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        return answer

    def _put(self, path: str, content: bytes, content_type: str) -> requests.Response:
        answer = self._ask("put", path, data=content, content_type=content_type)
        assert answer is not None
        return answer


def _entries(raw: bytes) -> list[Descriptor]:
    try:
        entries = json.loads(raw)["manifests"]
        if all(isinstance(each, dict) for each in entries):
            return list(entries)
        raise ValueError("its entries are none")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImageUnavailable(f"a list of what is attached cannot be read: {error}") from error


def _holds(entries: Iterable[Descriptor], one: Descriptor) -> bool:
    return any(each.get("digest") == one["digest"] for each in entries)


def _only_layer(manifest: bytes, media_type: str) -> str | None:
    """The digest of an artifact's one file, if that is of the type."""
    try:
        (layer,) = json.loads(manifest)["layers"]
        return str(layer["digest"]) if layer["mediaType"] == media_type else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _described(content: bytes) -> Descriptor:
    return {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _tag(digest: str) -> str:
    """The tag that stands for a digest where there is no API."""
    return digest.replace(":", "-", 1)
