"""An index is approved for each of its platforms on its own: from the ledger to a real registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from certify.cli.main import main
from certify.ledger.store import Ledger
from certify.model.terms import Status
from certify.registry.manifests import INDEX
from tests.factories import NOW, a_certificate, digest
from tests.support.keys import write_keys
from tests.support.registries import OCI_MANIFEST, Registry, running

AMD, ARM = "linux/amd64", "linux/arm64"
LATER = NOW + timedelta(minutes=1)
ABSENT = digest(5)
"""Of an image that its registry has no more."""


class Shop:
    """A registry with an index of two platforms, certified on the one, rejected on the other."""

    def __init__(self, registry: Registry) -> None:
        self.name = f"{registry.host}/team/app"
        self.manifests = {each: registry.seed("team/app", each[6:], each) for each in (AMD, ARM)}
        self.index = self.put_index(registry, "1")
        with Ledger.open("sqlite:///reports/certify.db") as ledger:
            ledger.record(self.result(registry, AMD))
            ledger.record(self.result(registry, ARM, status=Status.REJECTED))
        write_keys()

    def put_index(self, registry: Registry, tag: str, **notes: str) -> str:
        entries = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": self.size(registry, digest),
                "platform": dict(zip(("os", "architecture"), each.split("/"), strict=True)),
            }
            for each, digest in self.manifests.items()
        ]
        body = {
            "schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": notes,
        }  # fmt: skip
        return registry.put_manifest("team/app", tag, INDEX, json.dumps(body).encode())

    def size(self, registry: Registry, digest: str) -> int:
        found = requests.head(
            f"http://{registry.host}/v2/team/app/manifests/{digest}",
            headers={"Accept": OCI_MANIFEST},
            timeout=10,
        )
        return int(found.headers["Content-Length"])

    def result(self, registry: Registry, platform: str, **fields: Any) -> Any:
        image = {
            "reference": f"{self.name}:1",
            "registry": registry.host,
            "digest": self.index,
            "manifest_digest": self.manifests[platform],
            "platform": platform,
        }
        return a_certificate(image=image, **fields)

    def asked(self, image: str, platform: str, *more: str) -> tuple[int, str]:
        words = ("--key", "team.pub", "--profile", "plain", "--platform", platform)
        ended = run("verify", f"{self.name}{image}", *words, *more)
        return ended.exit_code, ended.stdout.partition(": ")[2].partition(": ")[2]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "reports").mkdir()
    return Shop(registry)


def test_each_platform_has_its_own_answer(shop: Shop, registry: Registry) -> None:
    published = run("publish", "--sign", "team.key", "--attach")
    assert published.exit_code == 0, published.output
    amd, arm = (f"@{shop.manifests[each]}" for each in (AMD, ARM))
    for image in (":1", f"@{shop.index}", amd):
        for more in ((), ("--attached",)):
            code, said = shop.asked(image, AMD, *more)
            assert (code, said[:29]) == (0, "native for plain on linux/amd"), (image, more, said)
    for image in (":1", f"@{shop.index}"):
        code, said = shop.asked(image, ARM)
        assert (code, said) == (1, "approved for linux/amd64, not for linux/arm64\n")
    for image in (":1", arm):
        code, said = shop.asked(image, ARM, "--attached")
        assert (code, said[:18]) == (1, "rejected for plain"), said
    assert shop.asked(arm, AMD)[0] == shop.asked(arm, ARM)[0] == 1
    assert "not for linux/amd64" in shop.asked(arm, AMD, "--attached")[1]

    other = shop.put_index(registry, "2", note="another")
    for more in ((), ("--attached",)):
        assert shop.asked(":2", AMD, *more)[0] == 1, f"nobody certified {other}"


def test_a_revocation_is_attached_whatever_else_goes_wrong(shop: Shop) -> None:
    assert run("publish", "--sign", "team.key", "--attach").exit_code == 0
    Path("reports/matrix.json").write_text("[]")
    Path("reports/badges").write_text("in the way")
    words = ("revoke", f"{shop.name}@{shop.index}", "--sign", "team.key", "--attach")
    ended = run(*words, "--reason", "back door")
    assert (ended.exit_code, "reports/badges" in ended.stderr) == (3, True), ended.stderr
    code, said = shop.asked(":1", AMD, "--attached")
    assert (code, said) == (1, "revoked: back door\n")


def test_what_was_revoked_without_a_registry_is_attached_by_the_next_publication(
    shop: Shop, registry: Registry
) -> None:
    signing = ("--sign", "team.key")
    assert run("publish", *signing, "--attach").exit_code == 0
    for gone in ("revoke", f"{shop.name}@{shop.index}"), ("revoke", f"{shop.name}@{ABSENT}"):
        assert run(*gone, *signing, "--reason", "back door").exit_code == 0
    assert shop.asked(":1", AMD, "--attached")[0] == 0, "nobody has told the registry"
    for told in ("1 attached, 1 already there", "0 attached, 2 already there"):
        ended = run("publish", *signing, "--attach")
        assert (ended.exit_code, told in ended.stderr) == (0, True), ended.stderr
        code, said = shop.asked(":1", AMD, "--attached")
        assert (code, said) == (1, "revoked: back door\n")
    ended = run("revoke", f"{shop.name}@{ABSENT}", *signing, "--attach", "--reason", "back door")
    assert (ended.exit_code, "nothing could be attached" in ended.stderr) == (3, True), "by name"


def test_a_revoked_manifest_is_refused_where_its_certificate_did_not_know_it(shop: Shop) -> None:
    with Ledger.open("sqlite:///reports/certify.db") as ledger:
        known = ledger.history(f"{shop.name}:1")[-1]
        vague = known.image.model_copy(update={"platform": AMD, "manifest_digest": None})
        ledger.record(a_certificate(image=vague.model_dump(), finished_at=LATER))
    assert run("publish", "--sign", "team.key", "--attach").exit_code == 0
    manifest = f"{shop.name}@{shop.manifests[AMD]}"
    assert shop.asked(":1", AMD)[0] == shop.asked(":1", AMD, "--attached")[0] == 0
    words = ("revoke", manifest, "--sign", "team.key", "--attach", "--reason", "back door")
    assert run(*words).exit_code == 0
    for more in ((), ("--attached",)):
        code, said = shop.asked(":1", AMD, *more)
        assert (code, said.endswith("revoked: back door\n")) == (1, True), (more, said)
    assert shop.asked(":1", ARM, "--attached")[1].startswith("rejected for plain"), "as before"


def test_a_revoked_manifest_is_refused_by_the_name_of_its_index_too(shop: Shop) -> None:
    assert run("publish", "--sign", "team.key", "--attach").exit_code == 0
    manifest = f"@{shop.manifests[AMD]}"
    words = ("revoke", f"{shop.name}{manifest}", "--sign", "team.key", "--attach", "--reason")
    assert run(*words, "CVE-2026-0001").exit_code == 0
    for image in (":1", f"@{shop.index}", manifest):
        for more in ((), ("--attached",)):
            code, said = shop.asked(image, AMD, *more)
            assert (code, "revoked: CVE-2026-0001\n" in said) == (1, True), (image, more, said)
    assert run(*words, "a false alarm", "--lift").exit_code == 0
    assert run("publish", "--sign", "team.key").exit_code == 0
    for more in ((), ("--attached",)):
        assert shop.asked(":1", AMD, *more)[0] == 0
