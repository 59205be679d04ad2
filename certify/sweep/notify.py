"""Messages to people by Apprise: chats, mail, webhooks. A failure never changes a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.model.errors import UsageError
from certify.util.text import one_line

_UNLIMITED = 32768
"""The characters of a message that Apprise takes for a receiver of which it knows no limit."""


class Notifier:
    """The receivers of messages, named by Apprise's URLs."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Check the URLs. Raises :class:`UsageError`; its message has nothing secret in it."""
        import apprise  # noqa: PLC0415 - takes long, and few commands need it

        self._apprise = apprise
        self._receivers: list[Any] = []
        for number, url in enumerate(urls, 1):
            receiver = apprise.Apprise.instantiate(url)
            if receiver is None:
                raise UsageError(
                    f"--notify: URL {number}, {_scheme(url)}://…, is none that Apprise knows",
                    remedy="`certify help alerts.md` has examples, `apprise --details` every kind.",
                )
            if receiver.body_maxlen < _UNLIMITED and "overflow=" not in url:
                # A chat refuses what is too long for one message.
                receiver.overflow_mode = apprise.OverflowMode.SPLIT
            self._receivers.append(receiver)

    def send(self, title: str, body: str) -> list[str]:
        """Send a message to every receiver; return a line for each that did not take it."""
        plain, level = self._apprise.NotifyFormat.TEXT, self._apprise.logging.WARNING
        capture: Any = self._apprise.LogCapture
        failures = []
        for receiver in self._receivers:
            with capture(level=level, fmt="%(message)s") as log:
                try:
                    sent = receiver.notify(body=body, title=title, body_format=plain)
                    reason = log.getvalue()
                except Exception as error:  # a fault of a plugin costs no verdict
                    sent, reason = False, str(error)
            if not sent:
                name = receiver.url(privacy=True).partition("?")[0]
                failures.append(f"{one_line(name)}: {one_line(reason, 300) or 'not accepted'}")
        return failures


def _scheme(url: str) -> str:
    return one_line(url.partition("://")[0], 20)
