"""Which pods Kubernetes and Kyverno admit by the published policies."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.approved.enforcement import NAME, NAMESPACE, kubernetes_config_map
from tests.factories import digest
from tests.support.admission import ADMISSION, BINDING, KYVERNO, refused

INDEX, MANIFEST, OTHER = digest(1), digest(2), digest(3)

# ---------------------------------------------------------------- what they are


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "document",
    [
        kubernetes_config_map({}),
        kubernetes_config_map({INDEX: "x"}),
        ADMISSION,
        BINDING,
    ],
    ids=["empty", "config-map", "policy", "binding"],
)
def test_kubernetes_knows_every_field(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("key", [f"sha256-{'a' * 64}", f"sha512-{'a' * 128}"])
def test_digests_are_valid_keys_of_a_config_map(key: str) -> None:
    found = kubernetes_config_map({key.replace("-", ":", 1): "x"})
    assert found is not None
    assert found["data"] == {key: "x"}
    assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key)


def test_the_binding_leads_from_the_policy_to_the_config_map() -> None:
    config_map, spec = kubernetes_config_map({}), BINDING["spec"]
    assert config_map is not None
    assert spec["policyName"] == ADMISSION["metadata"]["name"] == NAME
    reference = {key: spec["paramRef"][key] for key in ("name", "namespace")}
    assert reference == config_map["metadata"] == {"name": NAME, "namespace": NAMESPACE}
    assert spec["paramRef"]["parameterNotFoundAction"] == "Deny"
    assert spec["validationActions"] == ["Deny"]
    assert spec["matchResources"]["namespaceSelector"] == {
        "matchLabels": {"certify-enforce": "true"}
    }
    assert ADMISSION["spec"]["failurePolicy"] == "Fail"


def test_kyvernos_policy_has_the_fields_of_its_definition() -> None:
    # By the CustomResourceDefinition of policies.kyverno.io/v1, as of Kyverno 1.18.
    policy = KYVERNO
    assert policy.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert (policy["apiVersion"], policy["kind"]) == ("policies.kyverno.io/v1", "ValidatingPolicy")
    spec = policy["spec"]
    assert spec.keys() == {
        "validationActions", "failurePolicy", "matchConstraints", "variables", "validations",
    }  # fmt: skip
    assert (spec["validationActions"], spec["failurePolicy"]) == (["Deny"], "Fail")
    assert spec["matchConstraints"].keys() == {"namespaceSelector", "resourceRules"}
    (rule,) = spec["matchConstraints"]["resourceRules"]
    assert rule.keys() == {"apiGroups", "apiVersions", "operations", "resources"}
    for each in spec["variables"]:
        assert each.keys() == {"name", "expression"}
    for each in spec["validations"]:
        assert each.keys() == {"expression", "message", "messageExpression"}
    # For pods alone it would rewrite the expressions for Deployments and their like.
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]


APPROVED = kubernetes_config_map({INDEX: "app:1", MANIFEST: "app:1", f"sha512:{'5' * 128}": "x"})
POLICIES = {"kubernetes": ADMISSION["spec"], "kyverno": KYVERNO["spec"]}


def refusal(
    which: str,
    pod: dict[str, Any],
    old: dict[str, Any] | None = None,
    config_map: dict[str, Any] | None = APPROVED,
) -> str | None:
    # Where there is none, Kubernetes says null, and Kyverno gives an empty object.
    none: dict[str, Any] | None = None if which == "kubernetes" else {}
    return refused(POLICIES[which], pod, old or none, config_map)


def a_pod(*images: str, **others: Any) -> dict[str, Any]:
    return {"spec": {"containers": containers(*images)} | others}


def containers(*images: str) -> list[dict[str, str]]:
    return [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]


GOOD = f"app@{INDEX}"
HEX = INDEX.removeprefix("sha256:")
ADMITTED = {
    "by its index": a_pod(GOOD),
    "by its manifest": a_pod(f"registry.invalid/team/app@{MANIFEST}"),
    "from another repository": a_pod(f"mirror.invalid/copy@{INDEX}"),
    "with a port and a tag": a_pod(f"localhost:5000/team/app:1.2@{INDEX}"),
    "by a longer digest": a_pod(f"app@sha512:{'5' * 128}"),
    "several": a_pod(GOOD, f"app@{MANIFEST}"),
    "all kinds": a_pod(GOOD, initContainers=containers(GOOD), ephemeralContainers=containers(GOOD)),
    "empty lists": a_pod(GOOD, initContainers=[], ephemeralContainers=[]),
}
REFUSED = {
    "by a tag": a_pod("app:1"),
    "by its name": a_pod("app"),
    "by another digest": a_pod(f"app@{OTHER}"),
    "the second": a_pod(GOOD, "app:1"),
    "an init container": a_pod(GOOD, initContainers=containers(GOOD, "app:1")),
    "an ephemeral container": a_pod(GOOD, ephemeralContainers=containers("app:1")),
    "a short digest": a_pod(f"app@{INDEX[:-1]}"),
    "a long digest": a_pod(f"app@{INDEX}0"),
    "no digits": a_pod("app@sha256:"),
    "two digests, the last another": a_pod(f"app@{INDEX}@{OTHER}"),
    "two digests, the first another": a_pod(f"app@{OTHER}@{INDEX}"),
    "two digests, both right": a_pod(f"app@{INDEX}@{INDEX}"),
    "a digest in the name": a_pod(f"{INDEX}/app:1"),
    "a digest as the tag": a_pod(f"app:{HEX}"),
    "as the key has it": a_pod(f"app@sha256-{HEX}"),
    "upper-case digits": a_pod(f"app@sha256:{'A' * 64}"),
    "upper-case algorithm": a_pod(f"app@SHA256:{HEX}"),
    "another algorithm": a_pod(f"app@sha512:{HEX}"),
    "no repository": a_pod(f"@{INDEX}"),
    "an image's id": a_pod(INDEX),
    "bare digits": a_pod(HEX),
    "a space behind": a_pod(f"{GOOD} "),
    "a line behind": a_pod(f"{GOOD}\n"),
    "another line behind": a_pod(f"{GOOD}\napp:1"),
    "nothing": a_pod(""),
    "no image": {"spec": {"containers": [{"name": "a"}]}},
    "null for an image": {"spec": {"containers": [{"name": "a", "image": None}]}},
    "no containers": {"spec": {}},
    "null for containers": {"spec": {"containers": None}},
}


@pytest.mark.parametrize("which", POLICIES)
@pytest.mark.parametrize("name", ADMITTED)
def test_an_approved_image_is_admitted(which: str, name: str) -> None:
    assert refusal(which, ADMITTED[name]) is None
    assert refusal(which, ADMITTED[name], old=a_pod("app:1")) is None


@pytest.mark.parametrize("which", POLICIES)
@pytest.mark.parametrize("name", REFUSED)
def test_any_other_image_is_refused(which: str, name: str) -> None:
    assert refusal(which, REFUSED[name]) is not None
    assert refusal(which, REFUSED[name], old=a_pod(GOOD)) is not None


PIECES = ["app", "team/", "@", "@", INDEX, OTHER, "sha256:", HEX, ":", "-", " ", "\n", "A"]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_only_a_name_and_one_approved_digest_are_admitted(image: str) -> None:
    name, _, said = image.partition("@")
    admitted = bool(name) and said == INDEX
    assert (refusal("kubernetes", a_pod(image)) is None) is admitted


@pytest.mark.parametrize("which", POLICIES)
def test_the_refusal_names_the_images(which: str) -> None:
    pod = a_pod(GOOD, "app:1", initContainers=containers(f"app@{OTHER}"))
    said = refusal(which, pod)
    assert said == f"not named by a digest of the approved-images list: app:1, app@{OTHER}"


@pytest.mark.parametrize("which", POLICIES)
def test_an_empty_list_refuses_every_image(which: str) -> None:
    without: list[dict[str, Any] | None] = [kubernetes_config_map({}), {"metadata": {}}]
    for empty in without:
        said = refusal(which, a_pod(GOOD), config_map=empty)
        assert said == f"not named by a digest of the approved-images list: {GOOD}"
    assert refusal(which, a_pod(GOOD), config_map=None) is not None


@pytest.mark.parametrize("which", POLICIES)
def test_images_running_in_a_pod_stay_allowed(which: str) -> None:
    old = a_pod("app:1", initContainers=containers("init:1"))
    assert refusal(which, old) is not None
    assert refusal(which, old | {"metadata": {"finalizers": []}}, old=old) is None
    assert refusal(which, a_pod(GOOD), old=old) is None
    assert refusal(which, a_pod("app:2"), old=old) is not None
    added = a_pod("app:1", ephemeralContainers=containers("debug:1"))
    assert refusal(which, added, old=old) is not None
    assert refusal(which, added, old=added) is None
