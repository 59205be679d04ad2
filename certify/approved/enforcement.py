"""The approved-images list in the words of those who enforce it.

Digests are what every policy goes by: content is its digest, in whatever repository it lies.
The forms are those of Kubernetes' ValidatingAdmissionPolicy (``admissionregistration.k8s.io/v1``),
Kyverno's ValidatingPolicy (``policies.kyverno.io/v1``), Conftest's Dockerfile parser with Rego v1,
containers-policy.json(5), and Renovate's configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from certify.model.approved import Approved, ApprovedList
from certify.model.platform import normal
from certify.model.reference import DOCKER_HUB, OFFICIAL
from certify.util.text import one_line, safe_json

NAME = "certify-approved-images"
NAMESPACE = "certify"
LABEL = "certify-enforce"
"""Namespaces that bear this label, with the value ``true``, are guarded."""
CONFIG_MAP_LIMIT = 1_000_000
"""Bytes; Kubernetes takes 1 MiB in all."""


def policy_files(listed: ApprovedList) -> tuple[dict[str, str], list[str]]:
    """The files below ``policies/``, and what had to be left out, in words."""
    found = digests(listed)
    files = {
        "containers-policy.json": containers_policy(listed),
        "renovate.json": renovate(listed.images),
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
    files["kubernetes/policy.yaml"] = _yaml(admission_policy(), binding())
    files["kyverno/policy.yaml"] = _yaml(kyverno_policy())
    return files, []


def digests(listed: ApprovedList) -> dict[str, str]:
    """Every digest that may be run, of indexes and of manifests, with a name that leads to it.

    Who enforces a policy sees no platform. So if the list names all platforms on which images
    are run, an index counts only where the image is approved for each of them; and never if it
    holds a manifest that is revoked. What may be an index, since nobody knew its manifest, counts
    as one.
    """
    barred = {index for each in listed.revoked for index in each.indexes}
    asked = {normal(platform) for platform in listed.platforms}
    approved: dict[str, set[str]] = {}
    for each in listed.images:
        approved.setdefault(each.digest, set()).add(normal(each.platform))
    found: dict[str, str] = {}
    for each in listed.images:
        name = one_line(each.reference)
        if asked <= approved[each.digest] and each.digest not in barred:
            found.setdefault(each.digest, name)
        manifest = each.manifest_digest
        if manifest and manifest not in barred and (not asked or normal(each.platform) in asked):
            found.setdefault(manifest, name)
    return dict(sorted(found.items()))


def kubernetes_config_map(approved: Mapping[str, str]) -> dict[str, Any] | None:
    """The digests as keys, in which no ``:`` may be; null where they are too many for one."""
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


def _images(pod: str) -> str:
    """All that a pod runs; only the kinds of containers that it may do without are asked for."""
    optional = (f"{pod}.spec.initContainers", f"{pod}.spec.ephemeralContainers")
    names = ".map(c, c.image)"
    others = (f" + (has({each}) ? {each}{names} : [])" for each in optional)
    return f"{pod}.spec.containers{names}{''.join(others)}"


# An image is named REPOSITORY[:TAG]@ALGORITHM:HEX, with one "@"; whatever follows a second one
# would not be looked at. An expression that cannot be evaluated refuses the pod.
_VARIABLES = [
    {
        "name": "running",
        "expression": f"request.operation == 'UPDATE' ? {_images('oldObject')} : []",
    },
    {
        "name": "refused",
        "expression": f"({_images('object')}).filter(i, !(i in variables.running"
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
_GUARDED = {"matchLabels": {LABEL: "true"}}


def admission_policy() -> dict[str, Any]:
    """Pods may be made only of images whose digests are keys of the ConfigMap.

    Every workload comes down to pods, so only they are looked at. What runs in a pod already
    may stay, whatever became of it: else nobody could change or end a pod whose image was
    taken off the list. Volumes made of images are not looked at; nothing boots from them.
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


def binding() -> dict[str, Any]:
    """Puts the policy to work in namespaces that are labelled so."""
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
            "matchResources": {"namespaceSelector": _GUARDED},
        },
    }


def kyverno_policy() -> dict[str, Any]:
    """The same by Kyverno, which reads the same ConfigMap."""
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ValidatingPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "validationActions": ["Deny"],
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": _GUARDED, "resourceRules": _RULES},
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


def containers_policy(listed: ApprovedList) -> str:
    """What podman, skopeo, buildah and CRI-O may pull: these digests, and nothing else."""
    approved = digests(listed)
    scopes = {
        f"{each.registry}/{each.repository}@{digest}": [{"type": "insecureAcceptAnything"}]
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
    """The digests for Conftest's ``--data``."""
    return safe_json({"certify": {"approved": approved}}, indent=1) + "\n"


def renovate(images: Sequence[Approved]) -> str:
    """Renovate keeps to approved tags, and pins each by the digest that it leads to then."""
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
    """A tag in a regular expression; of all that it may hold, only the dot is special."""
    return tag.replace(".", "\\.")


def _spellings(registry: str, repository: str) -> list[str]:
    """The names of a repository; Renovate knows each by how a file spells it."""
    if registry != DOCKER_HUB:
        return [f"{registry}/{repository}"]
    short = list(dict.fromkeys((repository.removeprefix(OFFICIAL), repository)))
    return [*short, *(f"{DOCKER_HUB}/{each}" for each in short)]


def _yaml(*documents: dict[str, Any]) -> str:
    """Documents in the part of YAML that is JSON, so that nothing in them can be anything else."""
    return "".join(f"---\n{safe_json(document, indent=1)}\n" for document in documents)


def _shipped(name: str) -> str:
    return (resources.files("certify.approved") / name).read_text("utf-8")
