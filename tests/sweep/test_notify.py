"""Messages reach real servers on this host, and a server that fails is told without secrets."""

from __future__ import annotations

import email
import email.policy
import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller

from certify.model.errors import UsageError
from certify.model.result import Reason, Verdict
from certify.model.terms import Status
from certify.sweep.news import message, news_of, title
from certify.sweep.notify import Notifier
from tests.factories import a_certificate
from tests.support.registries import free_port
from tests.support.webhook import receiving

# A plugin of Apprise's imports a module that Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TEXT = "newly rejected: app:1\n  cause: <b>no shell</b> & more\n"


class Mailbox:
    """A handler for aiosmtpd that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(
            envelope.content, policy=email.policy.default)))  # fmt: skip
        return "250 taken"


def test_a_webhook_gets_one_message() -> None:
    with receiving() as (port, got):
        sent = Notifier([f"json://127.0.0.1:{port}/hook"]).send("certify: 1 newly rejected", TEXT)
    assert sent == []
    assert [(each["title"], each["message"]) for each in got] == [
        ("certify: 1 newly rejected", TEXT.rstrip())
    ]


def test_mail_arrives_as_it_was_written() -> None:
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=certify@site.example&to=team@site.example"
        assert Notifier([f"{url}&format=text"]).send("certify: 1 vanished", TEXT) == []
    finally:
        controller.stop()
    ((receivers, mail),) = mailbox.mails
    assert receivers == ["team@site.example"]
    assert mail["Subject"] == "certify: 1 vanished"
    assert mail.get_body(("plain",)).get_content().split() == TEXT.split()


HOSTILE = (
    "<!channel> <https://evil.example|click here> @everyone <@1> [x](http://evil.example) "
    '<a href="http://evil.example">click</a> &lt;b&gt; *bold* `code` __under__ ~~gone~~ ||hidden||'
)
LIVE = re.compile(r"[<>`*~]|@\w|\](?=\()|//|&\w|(?<!\w)_|_(?!\w)|\|\|")
PAGE = "https://certify.example/images/app_1-0123456789.html"


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What chats would get; nothing leaves this host."""
    found: list[Any] = []

    def send(_: requests.Session, request: requests.PreparedRequest, **__: Any) -> Any:
        found.append(json.loads(request.body or b"null"))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    return found


@pytest.mark.parametrize("form", ["", "?format=text", "?format=markdown"])
@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz",
         lambda got: got["embeds"][0]["description"] if "embeds" in got else got["content"]),
        ("mmost://chat.example/abcdefghijklmnopqrstuvwx", lambda got: got["text"]),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", lambda got: got["text"]),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
         lambda got: got["attachments"][0]["text"]),
    ],
    ids=["Discord", "Mattermost", "Telegram", "Slack"],
)  # fmt: skip
def test_a_chat_makes_nothing_of_what_an_image_prints(
    posted: list[Any], url: str, read: Callable[[Any], str], form: str
) -> None:
    reason = Reason(check="a.b", text=HOSTILE, remedy=HOSTILE)
    verdict = Verdict(status=Status.REJECTED, reasons=(reason,))
    (item,) = news_of(None, [a_certificate(verdict=verdict)], set())
    items = [replace(item, inside=HOSTILE, page=PAGE.partition("example/")[2])]
    body = message(items, "images.txt", "https://certify.example")
    assert Notifier([url + form]).send(title(items), body) == []
    (got,) = posted
    assert not {"allow_mentions", "allowed_mentions"} & got.keys(), "somebody would be pinged"
    _, _, text = read(got).partition("Sweep of images")
    # Who unescapes a character makes it live: so the text must be harmless without any escapes.
    bare = html.unescape(text).replace("\\", "")
    assert bare.count("everyone") == 3
    assert PAGE in bare
    assert LIVE.findall(bare.replace(PAGE, "")) == []
    assert form == "?format=markdown" or PAGE in text


@pytest.mark.parametrize(
    ("url", "most", "key"),
    [
        ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz", 2000, "content"),
        ("mmost://chat.example/abcdefghijklmnopqrstuvwx", 4000, "text"),
        ("json://hooks.example/certify", 32768, "message"),
    ],
)
def test_what_is_too_long_for_a_chat_comes_in_parts(
    posted: list[Any], url: str, most: int, key: str
) -> None:
    lines = [f"newly rejected: app:{number}" for number in range(1000, 1200)]
    assert Notifier([url]).send("certify: 200 newly rejected", "\n".join(lines)) == []
    assert (len(posted) > 1) is (most < 32768)
    assert all(len(each[key]) <= most for each in posted)
    whole = "".join("".join(each[key].split()) for each in posted)
    assert all("".join(line.split()) in whole for line in lines)


def test_a_receiver_that_fails_costs_the_others_nothing() -> None:
    with receiving() as (port, got):
        urls = [
            f"json://team:hush@127.0.0.1:{port}/broken",
            "json://127.0.0.1:1/nobody",
            f"json://127.0.0.1:{port}/hook",
        ]
        broken, nobody = Notifier(urls).send("title", TEXT)
    assert len(got) == 2
    assert "hush" not in broken
    assert "500" in broken or "error" in broken.lower()
    assert nobody.startswith("json://127.0.0.1:1/nobody: ")


@pytest.mark.parametrize("url", ["nosuch://hush@host", "hush", "mailto://"])
def test_a_url_that_nobody_knows_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Notifier([url])
    assert "hush@" not in caught.value.message
    assert "certify help alerts.md" in caught.value.remedy
