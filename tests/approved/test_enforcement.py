"""Policies for those who enforce the list: which digests are in them, and every file's format.

What Kubernetes and Kyverno make of theirs is in test_publish_admission, Conftest in
test_publish_rego.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from certify.approved.enforcement import (
    CONFIG_MAP_LIMIT,
    admitted_digests,
    containers_policy,
    kubernetes_config_map,
    policy_files,
    renovate_preset,
)
from certify.model.approved import Approved, ApprovedList, Revocation
from tests.factories import NOW, REGISTRY, REPOSITORY, a_list, an_entry, digest
from tests.support.admission import ADMISSION, BINDING, KYVERNO

INDEX, MANIFEST, OTHER = digest(1), digest(2), digest(3)
HOSTILE = "\x1b[2J- a: &b *c\n---\nkind: Evil\U000e0041\u202e"


def entry(registry: str, repository: str, **fields: Any) -> Approved:
    pinned = {"pin": f"{registry}/{repository}@{fields.get('digest', INDEX)}"}
    return an_entry(registry=registry, repository=repository, **(pinned | fields))


# ---------------------------------------------------------------- which digests


def test_an_index_and_a_manifest_lead_to_the_name() -> None:
    assert admitted_digests(a_list()) == dict.fromkeys(
        (INDEX, MANIFEST), f"{REGISTRY}/{REPOSITORY}:1"
    )
    assert admitted_digests(a_list(an_entry(manifest_digest=INDEX))).keys() == {INDEX}


VAGUE = {"manifest_digest": None}
ARM = {"platform": "linux/arm64/v8", "manifest_digest": OTHER}


@pytest.mark.parametrize(
    ("platforms", "listed", "expected"),
    [
        # Who says nothing of platforms runs images where they are approved.
        ((), [{}], {INDEX, MANIFEST}),
        ((), [{}, ARM], {INDEX, MANIFEST, OTHER}),
        # An index leads to every platform, so it must be approved for each.
        (("linux/amd64",), [{}], {INDEX, MANIFEST}),
        (("linux/amd64", "linux/arm64"), [{}], {MANIFEST}),
        (("linux/amd64", "linux/arm64"), [{}, ARM], {INDEX, MANIFEST, OTHER}),
        (("linux/amd64", "linux/arm64"), [{}, ARM | {"digest": digest(4)}], {MANIFEST, OTHER}),
        # What is approved for a platform on which nothing runs is no reason.
        (("linux/arm64",), [{}], set()),
        (("linux/arm64",), [{}, ARM], {INDEX, OTHER}),
        (("linux/amd64", "linux/arm64"), [{"manifest_digest": INDEX}], {INDEX}),
        # What nobody knew the manifest of may be an index, and is no manifest of itself.
        ((), [VAGUE], {INDEX}),
        (("linux/amd64",), [VAGUE], {INDEX}),
        (("linux/amd64", "linux/arm64"), [VAGUE], set()),
        (("linux/amd64", "linux/arm64"), [VAGUE, ARM], {INDEX, OTHER}),
    ],
)
def test_platforms_on_which_images_are_run(
    platforms: tuple[str, ...], listed: list[dict[str, Any]], expected: set[str]
) -> None:
    found = a_list(*(an_entry(**each) for each in listed), platforms=platforms)
    assert admitted_digests(found).keys() == expected


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        pytest.param(MANIFEST, {MANIFEST}, id="known"),
        pytest.param(None, set(), id="unknown"),
        pytest.param(INDEX, set(), id="unknown, in an older list"),
    ],
)
def test_an_index_that_holds_what_is_revoked_is_in_no_policy(
    manifest: str | None, expected: set[str]
) -> None:
    stopped = Revocation(
        digest=OTHER, reference="debian:12", reason="x", revoked_at=NOW, indexes=(INDEX,)
    )
    listed = a_list(an_entry(manifest_digest=manifest), revoked=(stopped,))
    files, _ = policy_files(listed)
    assert admitted_digests(listed).keys() == expected
    assert not any(INDEX.removeprefix("sha256:") in text for text in files.values())


# ---------------------------------------------------------------- the files


def test_every_file_is_of_its_format() -> None:
    files, warnings = policy_files(a_list(an_entry(reference=HOSTILE)))
    assert warnings == []
    assert files.keys() == {
        "containers-policy.json", "renovate.json", "conftest/certify.rego", "conftest/data.json",
        "kubernetes/config-map.yaml", "kubernetes/policy.yaml", "kyverno/policy.yaml",
    }  # fmt: skip
    documents = [
        document
        for name in sorted(files)
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(files[name])
    ]
    named = kubernetes_config_map(admitted_digests(a_list(an_entry(reference=HOSTILE))))
    assert documents == [named, ADMISSION, BINDING, KYVERNO]
    for name, text in files.items():
        assert text.endswith("\n")
        assert "\x1b" not in text
        if name.endswith(".json"):
            json.loads(text)


def many(count: int, name: str = "x") -> dict[str, str]:
    return {digest(number): name for number in range(count)}


def test_a_large_config_map_drops_its_names_first() -> None:
    small, large = (kubernetes_config_map(many(count, "n" * 40)) for count in (8_000, 10_000))
    assert small is not None
    assert large is not None
    assert set(small["data"].values()) == {"n" * 40}
    assert set(large["data"].values()) == {""}
    assert len(large["data"]) == 10_000
    assert kubernetes_config_map(many(14_000, "")) is None


def test_too_many_digests_leave_the_other_policies() -> None:
    images = [
        an_entry(digest=digest(number), manifest_digest=digest(number + 9_000))
        for number in range(9_000)
    ]
    listed = a_list(*images)
    assert len(json.dumps(admitted_digests(listed))) > CONFIG_MAP_LIMIT
    files, warnings = policy_files(listed)
    assert files.keys() == {
        "containers-policy.json", "renovate.json", "conftest/certify.rego", "conftest/data.json",
    }  # fmt: skip
    assert warnings == [
        "18000 digests are more than a ConfigMap holds: policies/kubernetes and policies/kyverno"
        " are left out"
    ]


# ---------------------------------------------------------------- podman, skopeo, CRI-O


def _containers_policy(listed: ApprovedList) -> str:
    return containers_policy(listed, admitted_digests(listed))


def test_containers_policy_allows_these_digests_and_nothing_else() -> None:
    hub = entry("docker.io", "library/debian", digest=OTHER, manifest_digest=OTHER)
    accept = [{"type": "insecureAcceptAnything"}]
    assert json.loads(_containers_policy(a_list(an_entry(), hub))) == {
        "default": [{"type": "reject"}],
        "transports": {
            "docker": {
                f"docker.io/library/debian@{OTHER}": accept,
                f"{REGISTRY}/{REPOSITORY}@{INDEX}": accept,
                f"{REGISTRY}/{REPOSITORY}@{MANIFEST}": accept,
            }
        },
    }


def test_containers_policy_knows_the_platforms() -> None:
    listed = a_list(an_entry(), platforms=("linux/amd64", "linux/arm64"))
    scopes = json.loads(_containers_policy(listed))["transports"]["docker"]
    assert scopes.keys() == {f"{REGISTRY}/{REPOSITORY}@{MANIFEST}"}


def test_an_empty_list_lets_nothing_be_pulled() -> None:
    empty = a_list().model_copy(update={"images": ()})
    assert json.loads(_containers_policy(empty)) == {
        "default": [{"type": "reject"}],
        "transports": {"docker": {}},
    }


# ---------------------------------------------------------------- Renovate


def rules(*images: Approved) -> list[dict[str, Any]]:
    document = json.loads(renovate_preset(images))
    vendored = resources.files("check_jsonschema") / "builtin_schemas/vendor/renovate.json"
    schema = json.loads(vendored.read_text("utf-8"))
    jsonschema.validators.validator_for(schema)(schema).validate(document)
    found = document["packageRules"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("registry", "repository", "names"),
    [
        ("docker.io", "library/debian",
         ["debian", "library/debian", "docker.io/debian", "docker.io/library/debian"]),
        ("docker.io", "grafana/grafana", ["grafana/grafana", "docker.io/grafana/grafana"]),
        ("ghcr.io", "team/app", ["ghcr.io/team/app"]),
        ("ghcr.io", "library/app", ["ghcr.io/library/app"]),
        ("localhost:5000", "app", ["localhost:5000/app"]),
    ],
)  # fmt: skip
def test_renovate_knows_an_image_by_each_of_its_spellings(
    registry: str, repository: str, names: list[str]
) -> None:
    (rule,) = rules(entry(registry, repository))
    assert rule == {
        "matchDatasources": ["docker"],
        "matchPackageNames": names,
        "allowedVersions": "/^(1)$/",
        "pinDigests": True,
    }


def test_renovate_keeps_to_approved_tags() -> None:
    tags = ["12.1", "bookworm-slim", "12.1", None]
    other, rule = rules(*(an_entry(tag=tag) for tag in tags), entry("ghcr.io", "z/z"))
    assert other["matchPackageNames"] == ["ghcr.io/z/z"]
    pattern = re.compile(rule["allowedVersions"].strip("/"))
    asked = ["12.1", "12x1", "12.10", "x12.1", "bookworm", "bookworm-slim"]
    assert [tag for tag in asked if pattern.search(tag)] == ["12.1", "bookworm-slim"]


def test_without_tags_there_is_nothing_for_renovate() -> None:
    assert rules(an_entry(tag=None)) == []
