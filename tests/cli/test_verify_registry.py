"""``certify verify`` with a registry: tags, and statements attached to an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from certify.cli.main import main
from certify.model.platform import host_platform
from certify.registry.client import Registry as Client
from certify.registry.referrers import Referrers
from certify.signing.attachments import attach_all
from certify.signing.attestations import Signer, result_attachments
from certify.signing.keys import read_private
from tests.factories import a_certificate, a_list, an_entry, raw_list
from tests.support.registries import Registry, running

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
    files = Signer(key, lambda _: None).sign_results([result])
    with Client(registry.host, lambda _: None) as client:
        found = result_attachments([result], files, key.public_key())
        attach_all(found, lambda _, name: Referrers(client, name))

    words = (f"{registry.host}/team/app:attached", "--attached", "--key")
    code, shown = verify(*words, "team.pub")
    assert (code, f"{mine}: native for plain on {HERE}" in shown) == (0, True)
    assert verify(*words, "team.pub", "--profile", "devspace")[0] == 1
    code, shown = verify(*words, "other.pub")
    assert (code, "signed with another key" in shown) == (1, True)
    registry.seed("team/app", "attached", "pushed again")
    code, shown = verify(*words, "team.pub")
    assert (code, "nothing is attached" in shown) == (1, True)
