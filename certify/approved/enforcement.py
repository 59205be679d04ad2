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
LABEL = "certify-enforce"
"""The label of a namespace, with the value ``true``, in which the policies are enforced."""
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
    files["kubernetes/config-map.yaml"] = _yaml(config_map)
    files["kubernetes/policy.yaml"] = _yaml(admission_policy(), admission_binding())
    files["kyverno/policy.yaml"] = _yaml(kyverno_policy())
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


def _images_of(pod: str) -> str:
    """Return an expression for all images of a pod; optional lists of containers may be absent."""
    optional = (f"{pod}.spec.initContainers", f"{pod}.spec.ephemeralContainers")
    names = ".map(c, c.image)"
    others = (f" + (has({each}) ? {each}{names} : [])" for each in optional)
    return f"{pod}.spec.containers{names}{''.join(others)}"


# An image is named REPOSITORY[:TAG]@ALGORITHM:HEX with exactly one "@", as text after a second
# one would not be checked. A pod is rejected if an expression cannot be evaluated.
_VARIABLES = [
    {
        "name": "running",
        "expression": f"request.operation == 'UPDATE' ? {_images_of('oldObject')} : []",
    },
    {
        "name": "refused",
        "expression": f"({_images_of('object')}).filter(i, !(i in variables.running"
        " || (i.matches('^[^@]+@[a-z0-9]+:[0-9a-f]+$')"
        " && i.split('@')[1].replace(':', '-') in variables.approved)))",
    },
]
_VALIDATIONS = [
    {
        "expression": "variables.refused.size() == 0",
        "message": "an image is not named by a digest of the approved-images list",
        "messageExpression": "'not named by a digest of the approved-images list: '"
        " + variables.refused.join(', ')",
    }
]
_RULES = [
    {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["pods", "pods/ephemeralcontainers"],
    }
]
_ENFORCED = {"matchLabels": {LABEL: "true"}}


def admission_policy() -> dict[str, Any]:
    """Return a policy that admits only pods whose images have digests in the ConfigMap.

    It checks pods, as every workload is run by them. Images that already run in a pod stay
    allowed; otherwise a pod whose image was removed from the list could not be changed or ended.
    Image volumes are not checked, as nothing boots from them.
    """
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {"resourceRules": _RULES},
            "variables": [
                {"name": "approved", "expression": "has(params.data) ? params.data : {}"},
                *_VARIABLES,
            ],
            "validations": _VALIDATIONS,
        },
    }


def admission_binding() -> dict[str, Any]:
    """Return the binding that enforces the policy in namespaces with :data:`LABEL`."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {
            "policyName": NAME,
            "paramRef": {
                "name": NAME,
                "namespace": NAMESPACE,
                "parameterNotFoundAction": "Deny",
            },
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": _ENFORCED},
        },
    }


def kyverno_policy() -> dict[str, Any]:
    """Return the same policy for Kyverno, with the same ConfigMap."""
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ValidatingPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "validationActions": ["Deny"],
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": _ENFORCED, "resourceRules": _RULES},
            "variables": [
                {
                    "name": "config_map",
                    "expression": f'resource.Get("v1", "configmaps", "{NAMESPACE}", "{NAME}")',
                },
                {
                    "name": "approved",
                    "expression": "has(variables.config_map.data) ? variables.config_map.data : {}",
                },
                *_VARIABLES,
            ],
            "validations": _VALIDATIONS,
        },
    }


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


def _yaml(*documents: dict[str, Any]) -> str:
    """Return documents as JSON, a subset of YAML in which every value is unambiguous."""
    return "".join(f"---\n{safe_json(document, indent=1)}\n" for document in documents)


def _shipped(name: str) -> str:
    return (resources.files("certify.approved") / name).read_text("utf-8")
