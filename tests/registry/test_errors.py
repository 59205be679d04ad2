"""What it means, in plain words, that a registry did not answer."""

from __future__ import annotations

import pytest
import requests

from certify.model.errors import ImageUnavailable, NoSuchImage
from certify.model.terms import Fault
from certify.registry.client import Registry as Client
from certify.registry.errors import unavailable
from certify.util.http import Answer, BadStatus
from tests.registry.test_client import anonymous
from tests.support.registries import free_port


def refused(status: int, pause: str = "") -> BadStatus:
    headers = {"Retry-After": pause} if pause else {}
    return BadStatus(Answer(status, "https://registry.invalid/v2/", headers, b""))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused(401), "it asks for a login"),
        (refused(403), "this login has no permission"),
        (refused(429), "its limit of requests is reached"),
        (refused(429, "90"), "reached; it asks to wait 90 s"),
        (refused(429, "9" * 99), "reached"),
        (refused(500), "it answers with its own error 500"),
        (requests.ConnectionError("Name or service not known"), "Names are not resolved"),
        (ValueError("nonsense"), "nonsense"),
        (KeyError(), "KeyError"),
    ],
)
def test_in_plain_words(error: Exception, said: str) -> None:
    trouble = unavailable("it does not answer", error)
    assert trouble.message.startswith("it does not answer: ")
    assert said in trouble.message
    assert trouble.remedy
    assert trouble.fault in (Fault.REGISTRY, Fault.NETWORK)


def test_what_is_not_there_is_told_apart() -> None:
    assert isinstance(unavailable("x", refused(404)), NoSuchImage)
    assert not isinstance(unavailable("x", refused(500)), NoSuchImage)


def test_nobody_at_home() -> None:
    with Client(f"127.0.0.1:{free_port()}", anonymous) as client:
        with pytest.raises(ImageUnavailable) as caught:
            client.digest("team/app", "1")
    assert caught.value.message.endswith("does not find team/app:1: Connection refused")
