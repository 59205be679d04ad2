"""The approved-images list as policies for the tools that enforce it.

All policies compare digests, whatever the repository. The formats are Kubernetes'
ValidatingAdmissionPolicy (``admissionregistration.k8s.io/v1``), Kyverno's ValidatingPolicy
(``policies.kyverno.io/v1``), Rego v1 for Conftest's Dockerfile parser, containers-policy.json(5),
and Renovate's configuration.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from importlib import resources
from typing import Any

from certify.model.approved import Approved, ApprovedList
from certify.model.platform import normalize_platform
from certify.model.reference import DOCKER_HUB, OFFICIAL
from certify.util.text import one_line, safe_json

NAME = "certify-approved-images"
NAMESPACE = "certify"
CONFIG_MAP_LIMIT = 1_000_000
"""The largest ConfigMap in bytes; Kubernetes accepts 1 MiB in all."""


def policy_files(listed: ApprovedList) -> tuple[dict[str, str], list[str]]:
    """Return the files below ``policies/`` by name, and a warning for files left out."""
    found = admitted_digests(listed)
    files = {
        "containers-policy.json": containers_policy(listed, found),
        "renovate.json": renovate_preset(listed.images),
        "conftest/certify.rego": _shipped("certify.rego"),
        "conftest/data.json": conftest_data(found),
    }
    config_map = kubernetes_config_map(found)
    if config_map is None:
        return files, [
            f"{len(found)} digests are more than a ConfigMap holds:"
            " policies/kubernetes and policies/kyverno are left out"
        ]
    # JSON is a subset of YAML in which every value is unambiguous.
    files["kubernetes/config-map.yaml"] = f"---\n{safe_json(config_map, indent=1)}\n"
    # Both check pods, as every workload is run by them, and admit only those whose images have
    # digests in the ConfigMap. An image is named REPOSITORY[:TAG]@ALGORITHM:HEX with exactly one
    # "@", as text after a second one would not be checked. Images that already run in a pod stay
    # allowed; otherwise a pod whose image was removed from the list could not be changed or ended.
    # Image volumes are not checked, as nothing boots from them. A pod is rejected if an expression
    # cannot be evaluated.
    files |= {f"{each}/policy.yaml": _shipped(f"{each}.yaml") for each in ("kubernetes", "kyverno")}
    return files, []


def admitted_digests(listed: ApprovedList) -> dict[str, str]:
    """Return the digests of all indexes and manifests that may run, each with a reference.

    The enforcing tools do not see for which platform an image is about to run. So if the list
    names all platforms in use, an index is returned only if the image is approved for each of
    them, and never if it holds a revoked manifest. A digest without a known manifest may be an
    index, and is treated as one.
    """
    barred = {index for each in listed.revoked for index in each.indexes}
    wanted = {normalize_platform(platform) for platform in listed.platforms}
    approved: dict[str, set[str]] = {}
    for each in listed.images:
        approved.setdefault(each.digest, set()).add(normalize_platform(each.platform))
    found: dict[str, str] = {}
    for each in listed.images:
        name = one_line(each.reference)
        if wanted <= approved[each.digest] and each.digest not in barred:
            found.setdefault(each.digest, name)
        manifest = each.manifest_digest
        if (
            manifest
            and manifest not in barred
            and (not wanted or normalize_platform(each.platform) in wanted)
        ):
            found.setdefault(manifest, name)
    return dict(sorted(found.items()))


def kubernetes_config_map(approved: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a ConfigMap with the digests as keys, ``-`` for ``:``; None if they do not fit."""
    named = {digest.replace(":", "-"): name for digest, name in approved.items()}
    for data in (named, dict.fromkeys(named, "")):
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": data,
        }
        if len(json.dumps(config_map)) <= CONFIG_MAP_LIMIT:
            return config_map
    return None


def containers_policy(listed: ApprovedList, approved: Container[str]) -> str:
    """Return a policy with which podman, skopeo, buildah and CRI-O pull only these digests."""
    accepted = [{"type": "insecureAcceptAnything"}]
    scopes = {
        f"{each.registry}/{each.repository}@{digest}": accepted
        for each in listed.images
        for digest in (each.digest, each.manifest_digest)
        if digest in approved
    }
    policy = {
        "default": [{"type": "reject"}],
        "transports": {"docker": dict(sorted(scopes.items()))},
    }
    return safe_json(policy, indent=1) + "\n"


def conftest_data(approved: Mapping[str, str]) -> str:
    """Return the digests for Conftest's option ``--data``."""
    return safe_json({"certify": {"approved": approved}}, indent=1) + "\n"


def renovate_preset(images: Sequence[Approved]) -> str:
    """Return a Renovate preset that allows only approved tags, and pins them by digest."""
    tags: dict[tuple[str, str], set[str]] = {}
    for each in images:
        if each.tag:
            tags.setdefault((each.registry, each.repository), set()).add(each.tag)
    rules = [
        {
            "matchDatasources": ["docker"],
            "matchPackageNames": _spellings(*name),
            "allowedVersions": f"/^({'|'.join(_literal(tag) for tag in sorted(found))})$/",
            "pinDigests": True,
        }
        for name, found in sorted(tags.items())
    ]
    schema = "https://docs.renovatebot.com/renovate-schema.json"
    return safe_json({"$schema": schema, "packageRules": rules}, indent=1) + "\n"


def _literal(tag: str) -> str:
    """Escape a tag for a regular expression; the dot is its only special character."""
    return tag.replace(".", "\\.")


def _spellings(registry: str, repository: str) -> list[str]:
    """Return all spellings of a repository, as Renovate compares the name in a file."""
    if registry != DOCKER_HUB:
        return [f"{registry}/{repository}"]
    short = list(dict.fromkeys((repository.removeprefix(OFFICIAL), repository)))
    return [*short, *(f"{DOCKER_HUB}/{each}" for each in short)]


def _shipped(name: str) -> str:
    return (resources.files("certify.approved") / name).read_text("utf-8")
