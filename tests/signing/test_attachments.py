"""What is attached in a real registry: found again, not twice, never lost, not believed blindly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from certify.model.errors import ImageUnavailable, NotBelieved
from certify.registry import referrers as referrers_module
from certify.registry.client import Registry as Client
from certify.registry.manifests import INDEX
from certify.registry.referrers import Referrers
from certify.signing import attachments as attachments_module
from certify.signing.attachments import Attachment, attach_all, read_statements
from certify.signing.envelope import BUNDLE_TYPE
from certify.signing.keys import read_public
from tests.factories import a_certificate
from tests.support.keys import MakePair, attachments_of, private_key
from tests.support.registries import Registry, running, with_referrers

REPOSITORY = "team/app"


@pytest.fixture(
    scope="module",
    params=["fallback tag", pytest.param("referrers API", marks=pytest.mark.slow)],
)
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """One that has no API for referrers, and one that has."""
    if request.param == "fallback tag":
        with running(tmp_path_factory.mktemp("registry")) as found:
            yield found
    else:
        with with_referrers(tmp_path_factory.mktemp("registry")) as found:
            yield found


@pytest.fixture(autouse=True)
def in_a_hurry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is alone need not wait for others to settle."""
    if "at_once" not in request.node.name:
        monkeypatch.setattr(attachments_module, "SETTLE", 0.01)


@pytest.fixture
def keeps_no_list(registry: Registry) -> None:
    """For what only concerns the list that publishers keep, or the files of a store on disk."""
    if not registry.data.exists():
        pytest.skip("this registry lists referrers itself")


@pytest.fixture(scope="module")
def keys(make_pair: MakePair) -> tuple[Path, Path]:
    return make_pair()


@pytest.fixture
def image(registry: Registry, request: pytest.FixtureRequest) -> str:
    """The digest of an image of the test's own."""
    return registry.seed(REPOSITORY, "1", request.node.name)


@pytest.fixture
def there(registry: Registry) -> Iterator[Referrers]:
    with Client(registry.host, lambda _: None) as client:
        yield Referrers(client, REPOSITORY)


def bundles(registry: Registry, digest: str, private: Path) -> list[Attachment]:
    """The certificate of an image, signed anew, as it would be attached."""
    named = {"registry": registry.host, "digest": digest, "manifest_digest": digest}
    result = a_certificate(image=named)
    return attachments_of(result, private_key(private))


def entries(registry: Registry, digest: str) -> list[dict[str, object]]:
    """What the registry's own list holds, or where it has none the one that is kept for it."""
    own = requests.get(f"http://{registry.host}/v2/{REPOSITORY}/referrers/{digest}", timeout=10)
    if own.status_code == 200:
        return list(own.json()["manifests"])
    answer = requests.get(
        f"http://{registry.host}/v2/{REPOSITORY}/manifests/{digest.replace(':', '-')}",
        headers={"Accept": INDEX},
        timeout=10,
    )
    answer.raise_for_status()
    found = answer.json()
    assert found["mediaType"] == INDEX
    return list(found["manifests"])


def test_what_is_attached_is_found_and_believed(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    assert attach_all(bundles(registry, image, keys[0]), lambda *_: there) == 1
    (found,) = read_statements(there, image, read_public(keys[1]))
    assert (found.result, found.subjects) == ("PASSED", (image,))
    (entry,) = entries(registry, image)
    manifest = requests.get(
        f"http://{registry.host}/v2/{REPOSITORY}/manifests/{entry['digest']}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        timeout=10,
    ).json()
    assert manifest["subject"]["digest"] == image
    assert manifest["artifactType"] == BUNDLE_TYPE
    with Client(registry.host, lambda _: None) as client:
        assert "1" in set(client.tags(REPOSITORY))
        assert not any(tag.startswith("sha256-") for tag in client.tags(REPOSITORY))


def test_the_same_twice_is_one_entry_even_if_it_was_signed_anew(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    first, again = (bundles(registry, image, keys[0]) for _ in range(2))
    assert first[0].bundle != again[0].bundle
    assert [attach_all(each, lambda *_: there) for each in (first, first, again)] == [1, 0, 0]
    assert len(entries(registry, image)) == 1


def test_a_broken_copy_does_not_keep_the_right_one_away(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    (genuine,) = bundles(registry, image, keys[0])
    (again,) = bundles(registry, image, keys[0])
    bundle = json.loads(genuine.bundle)
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    broken = replace(genuine, read=json.dumps(bundle).encode)
    attach_all([broken], lambda *_: there)
    with pytest.raises(NotBelieved, match="its signature is not valid"):
        read_statements(there, image, read_public(keys[1]))
    assert [attach_all([each], lambda *_: there) for each in (genuine, again)] == [1, 0]
    assert len(read_statements(there, image, read_public(keys[1]))) == 1


def test_publishers_in_turn_lose_nothing(
    registry: Registry, image: str, there: Referrers, make_pair: MakePair
) -> None:
    pairs = [make_pair(kind) for kind in ("ecdsa", "ed25519", "ecdsa")]
    for private, _ in pairs:
        attach_all(bundles(registry, image, private), lambda *_: there)
    assert len(entries(registry, image)) == 3
    for _, public in pairs:
        assert len(read_statements(there, image, read_public(public))) == 1


def test_publishers_at_once_lose_nothing(
    registry: Registry, image: str, make_pair: MakePair
) -> None:
    pairs = [make_pair() for _ in range(4)]

    def publish(private: Path) -> int:
        with Client(registry.host, lambda _: None) as client:
            mine = Referrers(client, REPOSITORY)
            return attach_all(bundles(registry, image, private), lambda *_: mine)

    with ThreadPoolExecutor(len(pairs)) as pool:
        assert list(pool.map(publish, [private for private, _ in pairs])) == [1] * len(pairs)
    assert len(entries(registry, image)) == len(pairs)


@pytest.mark.usefixtures("keeps_no_list")
def test_what_another_program_attached_stays(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    foreign = {"mediaType": "x/y", "digest": image, "size": 2, "artifactType": "application/sbom"}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [foreign]}
    tag = image.replace(":", "-")
    registry.put_manifest(REPOSITORY, tag, INDEX, json.dumps(index).encode())
    attach_all(bundles(registry, image, keys[0]), lambda *_: there)
    assert [each["artifactType"] for each in entries(registry, image)] == [
        "application/sbom",
        BUNDLE_TYPE,
    ]


def test_index_and_manifest_are_attached_to_both(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    other = registry.seed(REPOSITORY, "2", "another")
    named = {"registry": registry.host, "digest": image, "manifest_digest": other}
    result = a_certificate(image=named)
    found = attachments_of(result, private_key(keys[0]))
    assert attach_all(found, lambda *_: there) == 2
    for each in (image, other):
        assert read_statements(there, each, read_public(keys[1]))[0].subjects == (image, other)


def test_nothing_is_believed_without_the_keys_word_for_this_very_image(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path], make_pair: MakePair
) -> None:
    public = read_public(keys[1])
    assert read_statements(there, image, public) == []
    attach_all(bundles(registry, image, make_pair()[0]), lambda *_: there)
    with pytest.raises(NotBelieved, match="signed with another key"):
        read_statements(there, image, public)
    victim = registry.seed(REPOSITORY, "victim", "victim")
    (genuine,) = bundles(registry, image, keys[0])
    swapped = replace(genuine, digest=victim)
    attach_all([swapped], lambda *_: there)
    with pytest.raises(NotBelieved, match="is about another image"):
        read_statements(there, victim, public)
    attach_all([genuine], lambda *_: there)
    assert len(read_statements(there, image, public)) == 1


@pytest.mark.usefixtures("keeps_no_list")
def test_a_registry_that_gives_something_else_is_not_an_answer(
    registry: Registry, image: str, there: Referrers, keys: tuple[Path, Path]
) -> None:
    attach_all(bundles(registry, image, keys[0]), lambda *_: there)
    for blob in registry.data.rglob("data"):
        if b"dsseEnvelope" in blob.read_bytes():
            blob.write_bytes(b"{}")
    with pytest.raises(ImageUnavailable, match="does not match the digest"):
        read_statements(there, image, read_public(keys[1]))


def test_too_much_is_not_looked_through(
    registry: Registry,
    image: str,
    there: Referrers,
    keys: tuple[Path, Path],
    make_pair: MakePair,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for private in (keys[0], make_pair()[0]):
        attach_all(bundles(registry, image, private), lambda *_: there)
    monkeypatch.setattr(referrers_module, "MOST", 1)
    with pytest.raises(ImageUnavailable, match="2 artifacts are attached"):
        read_statements(there, image, read_public(keys[1]))


def test_a_registry_that_asks_for_a_login_gets_it(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    with running(tmp_path, password=True) as locked:
        with Client(locked.host, lambda _: None) as client:
            with pytest.raises(ImageUnavailable, match="asks for a login"):
                attach_all(
                    bundles(locked, "sha256:" + "0" * 64, keys[0]),
                    lambda *_: Referrers(client, REPOSITORY),
                )
        with Client(locked.host, lambda _: ("certify", "certify")) as client:
            there = Referrers(client, REPOSITORY)
            assert there.descriptors("sha256:" + "0" * 64, BUNDLE_TYPE) == []
