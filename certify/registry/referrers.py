"""OCI artifacts that are attached to an image in its registry: they name it as their subject.

As the OCI Distribution Specification 1.1 has it ("Listing Referrers", "Pushing Manifests with
Subject"): a registry lists referrers at an API of its own, or, where it has none, whoever
pushes maintains the list: an index under the tag ``sha256-HEX``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from certify.model.errors import ImageUnavailable
from certify.registry.client import Registry
from certify.registry.manifests import ANY, INDEX, MANIFEST, Descriptor, check_digest
from certify.registry.transport import pages
from certify.util.http import Answer
from certify.util.text import one_line

EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
}
"""The descriptor of ``{}``, an empty configuration."""
LARGEST = 4 * 1024 * 1024
"""The limit of a manifest, as registries have it, and of an attached file, in bytes."""
MOST = 256
"""The most artifacts of one type that are read; no image has as many by right."""
MOST_LISTED = 10_000
"""The most artifacts of all types together that a list may hold."""
_NO_API = (400, 404, 405)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file that is, or is to be, attached to an image."""

    artifact_type: str
    content: bytes
    annotations: tuple[tuple[str, str], ...] = ()

    def manifest(self, subject: Descriptor) -> bytes:
        """Return the manifest that ties the file to its subject; equal for equal content."""
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
    """The artifacts that are attached to the images of one repository.

    Every method raises :class:`ImageUnavailable` if the registry gives no usable answer.
    """

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry = registry
        self._repository = repository

    def descriptors(self, digest: str, artifact_type: str) -> list[Descriptor]:
        """Return descriptors of the artifacts of a digest that may be of the type.

        Some registries' own lists give the type of an artifact's empty configuration instead;
        and some have an API of which they give no sign on a push, so both lists count.
        """
        every = [*self._from_api(digest), *self._from_index(digest)]
        unique = {str(each.get("digest")): each for each in every}
        types = (artifact_type, EMPTY["mediaType"], None)
        found = [each for each in unique.values() if each.get("artifactType") in types]
        if len(found) > MOST:
            raise ImageUnavailable(
                f"{self._registry.host}: {len(found)} artifacts are attached to {digest}",
                remedy=f"Remove what nobody needs: no more than {MOST} are read.",
            )
        return found

    def read(self, descriptor: Descriptor, artifact_type: str) -> bytes | None:
        """Return the content of an artifact, checked by its digest; None for another type."""
        with self._registry.explain_errors(f"send what is attached to {self._repository}"):
            manifest = self._content(f"manifests/{descriptor.get('digest')}")
            layer = _only_layer(manifest, artifact_type)
            return None if layer is None else self._content(f"blobs/{layer}")

    def attach(self, digest: str, artifact: Artifact) -> bool:
        """Attach an artifact to a digest; return False if it was attached already.

        Without an API two publishers at the same moment could overwrite each other's list: call
        this again a little later, with the same artifact, to make sure that it stayed.
        """
        manifest = artifact.manifest(self._registry.describe(self._repository, digest))
        mine = {
            "mediaType": MANIFEST,
            "artifactType": artifact.artifact_type,
            **_described(manifest),
            "annotations": dict(artifact.annotations),
        }
        if _holds(self.descriptors(digest, artifact.artifact_type), mine):
            return False
        self._push_blob(b"{}")
        self._push_blob(artifact.content)
        pushed = self._put(f"manifests/{mine['digest']}", manifest, MANIFEST)
        lists_itself = "OCI-Subject" in pushed.headers
        if not lists_itself and not _holds(self._from_api(digest), mine):
            self._add_to_index(digest, mine)
        return True

    def _add_to_index(self, digest: str, mine: Descriptor) -> None:
        manifests = [*self._from_index(digest), mine]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        raw = json.dumps(index, separators=(",", ":")).encode()
        self._put(f"manifests/{_tag(digest)}", raw, INDEX)

    def _from_api(self, digest: str) -> list[Descriptor]:
        """Return what the registry's own API lists; nothing if it has no such API."""
        path, entries = f"referrers/{digest}", list[Descriptor]()
        with self._registry.explain_errors(f"list what is attached to {digest}"):
            for _ in pages(MOST):
                answer = self._get(path, allowed=_NO_API, accept=INDEX)
                if answer.status in _NO_API:
                    return []
                entries += _entries(answer.content)
                if len(entries) > MOST_LISTED:
                    raise ValueError("its list does not end")
                following = answer.next_page
                if following is None:
                    break
                path = following
        return entries

    def _from_index(self, digest: str) -> list[Descriptor]:
        """Return what the index under the fallback tag lists; nothing without such a tag."""
        answer = self._get(f"manifests/{_tag(digest)}", allowed=(404,), accept=INDEX)
        return [] if answer.status == 404 else _entries(answer.content)

    def _push_blob(self, content: bytes) -> None:
        digest = _described(content)["digest"]
        if self._request("HEAD", f"blobs/{digest}", allowed=(404,)).status != 404:
            return
        begun = self._request("POST", "blobs/uploads/")
        with self._registry.explain_errors(f"take an upload to {self._repository}"):
            location = begun.headers["Location"]
        mark = "&" if "?" in location else "?"
        self._put(f"{location}{mark}digest={digest}", content, "application/octet-stream")

    def _content(self, path: str) -> bytes:
        """Return bytes that match the digest at the end of the path."""
        content = self._get(path).content
        check_digest(content, path.rpartition("/")[2])
        return content

    def _get(self, path: str, *, accept: str = ANY, allowed: tuple[int, ...] = ()) -> Answer:
        return self._request("GET", path, headers={"Accept": accept}, allowed=allowed)

    def _put(self, path: str, content: bytes, content_type: str) -> Answer:
        return self._request("PUT", path, data=content, headers={"Content-Type": content_type})

    def _request(self, method: str, path: str, **request: Any) -> Answer:
        what = f"answer {method} {one_line(path)} of {self._repository}"
        with self._registry.explain_errors(what):
            answer = self._registry.request(method, self._repository, path, **request)
            if len(answer.content) > LARGEST:
                raise ValueError(f"its answer is larger than {LARGEST >> 20} MiB")
        return answer


def _entries(raw: bytes) -> list[Descriptor]:
    try:
        entries = json.loads(raw)["manifests"]
        if all(isinstance(each, dict) for each in entries):
            return list(entries)
        raise ValueError("its entries are no descriptors")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImageUnavailable(
            f"a list of what is attached cannot be read: {error}",
            remedy="See that the registry is well, then try again.",
        ) from error


def _holds(entries: Iterable[Descriptor], one: Descriptor) -> bool:
    return any(each.get("digest") == one["digest"] for each in entries)


def _only_layer(manifest: bytes, media_type: str) -> str | None:
    """Return the digest of an artifact's only file; None if it is of another type."""
    try:
        (layer,) = json.loads(manifest)["layers"]
        return str(layer["digest"]) if layer["mediaType"] == media_type else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _described(content: bytes) -> Descriptor:
    return {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _tag(digest: str) -> str:
    """Return the tag of the list of a digest's artifacts where there is no API."""
    return digest.replace(":", "-", 1)
