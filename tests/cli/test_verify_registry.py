"""``certify verify`` with a registry: tags, and statements attached to an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from certify.cli.main import main
from certify.model.platform import host_platform
from certify.registry.client import Registry as Client
from certify.registry.referrers import Referrers
from certify.signing.attachments import attach_all
from certify.signing.keys import read_private
from tests.factories import a_certificate, a_list, an_entry, raw_list
from tests.support.keys import attachments_of
from tests.support.registries import Registry, free_port, running

pytestmark = pytest.mark.usefixtures("two_pairs")

HERE = host_platform()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


def verify(*words: str) -> tuple[int, str]:
    ended = CliRunner().invoke(main, ["verify", "--profile", "plain", *words])
    return ended.exit_code, ended.stdout


def test_a_tag_is_resolved_and_a_moved_one_refused(registry: Registry) -> None:
    first = registry.seed("team/app", "1", "first")
    name = f"{registry.host}/team/app"
    here = an_entry(
        pin=f"{name}@{first}", registry=registry.host, digest=first, manifest_digest=first,
        platform=HERE,
    )  # fmt: skip
    Path("list.json").write_bytes(raw_list(a_list(here)))
    where = ("--approved", "list.json")
    assert verify(f"{name}:1", *where)[0] == 0
    second = registry.seed("team/app", "1", "second")
    code, shown = verify(f"{name}:1", *where)
    assert (code, f"{name}@{second}: this digest" in shown) == (1, True)
    assert verify(f"{name}:1@{first}", *where)[0] == 0


def test_a_signed_statement_is_enough(registry: Registry) -> None:
    mine = registry.seed("team/app", "attached", "attached")
    named = {"registry": registry.host, "digest": mine, "manifest_digest": mine, "platform": HERE}
    result = a_certificate(image=named)
    key = read_private(Path("team.key"), lambda: b"")
    with Client(registry.host, lambda _: None) as client:
        attach_all(attachments_of(result, key), lambda _, name: Referrers(client, name))

    words = (f"{registry.host}/team/app:attached", "--attached", "--key")
    code, shown = verify(*words, "team.pub")
    assert (code, f"{mine}: native for plain on {HERE}" in shown) == (0, True)
    assert verify(*words, "team.pub", "--profile", "devspace")[0] == 1
    code, shown = verify(*words, "other.pub")
    assert (code, "signed with another key" in shown) == (1, True)
    registry.seed("team/app", "attached", "pushed again")
    code, shown = verify(*words, "team.pub")
    assert (code, "nothing is attached" in shown) == (1, True)


def test_an_image_whose_registry_does_not_answer_is_unknown_alone(registry: Registry) -> None:
    first = registry.seed("team/several", "1", "first")
    name = f"{registry.host}/team/several"
    here = an_entry(
        pin=f"{name}@{first}", registry=registry.host, repository="team/several", digest=first,
        manifest_digest=first, platform=HERE,
    )  # fmt: skip
    Path("list.json").write_bytes(raw_list(a_list(here)))
    silent = f"127.0.0.1:{free_port()}/team/a"
    words = (f"{silent}:1", f"{name}:1", f"{silent}:2", f"{name}:none", "--approved", "list.json")
    code, shown = verify(*words)
    lines = shown.splitlines()
    assert code == 3
    assert lines[0].startswith(f"unknown: {silent}:1: ")
    assert lines[1].startswith(f"approved: {name}@{first}: ")
    assert "did not answer about another image" in lines[2]
    assert lines[3].startswith(f"unknown: {name}:none: ")
    assert "it has nothing by that name" in lines[3]
    images = json.loads(verify(*words, "--format", "json")[1])["images"]
    assert [each["approved"] for each in images] == [None, True, None, None]
    assert [each["reason"] for each in images][:2] == ["unknown", "approved"]
    assert verify(*words, f"a.invalid/x@{first}")[0] == 1, "what is not approved weighs more"


def test_several_images_have_one_connection_to_their_registry(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Counted(Client):
        def __init__(self, host: str, *given: Any, **named: Any) -> None:
            made.append(host)
            super().__init__(host, *given, **named)

    monkeypatch.setattr("certify.cli.verify_registry.Registry", Counted)
    digests = [registry.seed("team/many", str(number), str(number)) for number in range(3)]
    name = f"{registry.host}/team/many"
    Path("list.json").write_bytes(raw_list(a_list()))
    tags = [f"{name}:{number}" for number in range(3)]
    code, shown = verify(*tags, "--approved", "list.json")
    assert (code, made) == (1, [registry.host])
    assert [each in line for each, line in zip(digests, shown.splitlines(), strict=True)] == [
        True, True, True,
    ]  # fmt: skip


def test_statements_attached_to_several_images(registry: Registry) -> None:
    mine = registry.seed("team/pair", "attached", "attached")
    bare = registry.seed("team/pair", "bare", "bare")
    named = {"registry": registry.host, "repository": "team/pair", "digest": mine}
    result = a_certificate(image=named | {"manifest_digest": mine, "platform": HERE})
    key = read_private(Path("team.key"), lambda: b"")
    with Client(registry.host, lambda _: None) as client:
        attach_all(attachments_of(result, key), lambda _, name: Referrers(client, name))
    name = f"{registry.host}/team/pair"
    code, shown = verify(f"{name}:attached", f"{name}:bare", "--attached", "--key", "team.pub")
    assert code == 1
    assert shown.splitlines()[0].startswith(f"approved: {name}@{mine}: ")
    assert shown.splitlines()[1].startswith(f"not approved: {name}@{bare}: nothing is attached")
