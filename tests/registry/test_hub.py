"""What Docker Hub's own API says of a namespace; a stand-in on loopback answers for it."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.model.reference import Reference
from certify.model.terms import Trust
from certify.registry import hub as module
from certify.registry import transport
from certify.registry.hub import Hub, publisher_trust
from certify.sweep.expand import Selection, expand
from certify.sweep.listing import parse_listing
from tests.registry.test_client import anonymous
from tests.support.misbehaving import Reply, serving


def listed(port: int, namespace: str = "acme") -> list[str]:
    with pytest.MonkeyPatch.context() as patch, Hub("docker.io", anonymous) as hub:
        patch.setenv("CERTIFY_HUB_API", f"http://127.0.0.1:{port}/v2")
        return list(hub.repositories(namespace))


def page(number: int, *, last: int, following: str = "https://elsewhere.invalid/") -> Reply:
    names = [f"app-{number}-{each}" for each in range(2)]
    found: dict[str, object] = {"results": [{"name": name} for name in names], "next": None}
    if number < last:
        found["next"] = following
    return Reply(200, json.dumps(found).encode())


def test_a_namespace_is_listed_page_by_page_and_nowhere_else() -> None:
    asked: list[str] = []

    def answer(_method: str, path: str) -> Reply:
        asked.append(urlsplit(path).path)
        number = int(parse_qs(urlsplit(path).query)["page"][0])
        return page(number, last=3)

    with serving(answer) as port:
        assert listed(port) == [f"acme/app-{n}-{each}" for n in (1, 2, 3) for each in range(2)]
    assert asked == ["/v2/namespaces/acme/repositories"] * 3


def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 4)
    with serving(lambda _method, _path: page(1, last=2)) as port:
        with pytest.raises(ImageUnavailable, match="does not end"):
            listed(port)


def test_a_list_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST_LIST", 0.3)
    asked: list[str] = []

    def slow(_method: str, path: str) -> Reply:
        asked.append(path)
        time.sleep(0.1)
        return page(1, last=2)

    with serving(slow) as port:
        with pytest.raises(ImageUnavailable, match="does not end"):
            listed(port)
    assert 1 < len(asked) < 10


@pytest.mark.parametrize("status", [429, 503])
def test_a_badge_that_is_not_told_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    asked: list[str] = []

    def refusing(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(status)

    with serving(refusing) as port:
        monkeypatch.setenv("CERTIFY_HUB_API", f"http://127.0.0.1:{port}")
        assert publisher_trust(Reference.parse("acme/app:1")) is Trust.UNKNOWN
    assert asked == ["/orgs/acme/"]


@pytest.mark.parametrize("size", [1 << 10, 1 << 21])
def test_a_badge_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(transport, "LARGEST", 1 << 20)
    body = b'{"badge": ""}' + b" " * size
    with serving(lambda _method, _path: Reply(200, body)) as port:
        monkeypatch.setenv("CERTIFY_HUB_API", f"http://127.0.0.1:{port}")
        expected = Trust.COMMUNITY if size < 1 << 20 else Trust.UNKNOWN
        assert publisher_trust(Reference.parse("acme/app:1")) is expected


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"results": 3}', b'{"results": [3]}', b'{"results": [{}]}']
)
def test_an_answer_that_is_no_list(body: bytes) -> None:
    with serving(lambda _method, _path: Reply(200, body)) as port:
        with pytest.raises(ImageUnavailable, match=r"docker\.io does not list the repositories"):
            listed(port)


def test_a_namespace_that_is_not_there() -> None:
    with serving(lambda _method, _path: Reply(404, b"{}")) as port:
        with pytest.raises(NoSuchImage, match="it has nothing by that name"):
            listed(port)


def test_nobody_lists_all_of_it() -> None:
    entries = parse_listing("docker.io/*/app:1\n", "list")
    hub = Hub("docker.io", anonymous)
    wanted, (unlisted,) = expand(entries, lambda _host: hub, Selection())
    assert wanted == []
    assert "as a whole" in unlisted.trouble.message
    assert "namespace" in unlisted.trouble.remedy


@pytest.mark.parametrize(
    ("status", "body", "tier"),
    [
        (200, {"badge": "verified_publisher"}, Trust.VERIFIED),
        (200, {"badge": "open_source"}, Trust.SPONSORED),
        (200, {"badge": None}, Trust.COMMUNITY),
        (200, {"badge": ""}, Trust.COMMUNITY),
        (404, {"message": "not found"}, Trust.COMMUNITY),
        (200, {"badge": "something new"}, Trust.UNKNOWN),
        (200, {"name": "acme"}, Trust.UNKNOWN),
        (200, {"badge": ["open_source"]}, Trust.UNKNOWN),
        (200, ["verified_publisher"], Trust.UNKNOWN),
        (500, {}, Trust.UNKNOWN),
        (429, {}, Trust.UNKNOWN),
    ],
)
def test_the_trust_tier_of_a_publisher(
    monkeypatch: pytest.MonkeyPatch, status: int, body: object, tier: Trust
) -> None:
    asked: list[str] = []

    def answer(_method: str, path: str) -> Reply:
        asked.append(path)
        return Reply(status, json.dumps(body).encode())

    with serving(answer) as port:
        monkeypatch.setenv("CERTIFY_HUB_API", f"http://127.0.0.1:{port}/v2")
        assert publisher_trust(Reference.parse("acme/app:1")) is tier
        assert publisher_trust(Reference.parse("acme/other@sha256:" + "0" * 64)) is tier
    assert asked == ["/v2/orgs/acme/"], "once for a namespace"


@pytest.mark.parametrize(
    ("name", "tier"),
    [("debian:12", Trust.OFFICIAL), ("library/debian", Trust.OFFICIAL),
     ("registry.example/library/debian", Trust.UNKNOWN), ("nobody/answers", Trust.UNKNOWN)],
)  # fmt: skip
def test_what_needs_no_question(name: str, tier: Trust) -> None:
    assert publisher_trust(Reference.parse(name)) is tier
