"""Messages reach real servers on this host, and a server that fails is told without secrets."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from certify.model.errors import UsageError
from certify.sweep.notify import Notifier
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
