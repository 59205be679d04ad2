"""Errors of Docker's library, translated into certify's own."""

from __future__ import annotations

import docker
import pytest
import requests
from docker.errors import APIError

from certify.engine.errors import launch_refusal, pull_failure, translate_errors
from certify.model.errors import EngineUnavailable
from certify.model.terms import Fault
from tests.support.misbehaving import Reply, serving


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("refused"),
        requests.exceptions.ReadTimeout("too slow"),
        docker.errors.DockerException("no such host"),
        PermissionError("denied"),
        BrokenPipeError("broken"),
    ],
    ids=repr,
)
def test_an_engine_that_does_not_answer(error: Exception) -> None:
    with (
        pytest.raises(EngineUnavailable, match=str(error)) as raised,
        translate_errors(),
    ):
        raise error
    assert "DOCKER_HOST" in raised.value.remedy
    assert raised.value.fault is Fault.HOST


def test_the_innermost_cause_is_reported() -> None:
    with pytest.raises(EngineUnavailable) as raised, translate_errors():
        try:
            try:
                raise PermissionError("permission denied")
            except PermissionError as error:
                raise OSError("wrapped") from error
        except OSError as error:
            raise requests.exceptions.ConnectionError("wrapped again") from error
    assert raised.value.message == "The container engine does not answer: permission denied"


def test_an_answer_that_breaks_off_is_told_in_plain_words() -> None:
    headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    reply = Reply(200, b"", headers)  # not even the chunk that says that it is the last
    with (
        serving(lambda _method, _path: reply) as port,
        pytest.raises(EngineUnavailable) as raised,
        translate_errors(),
    ):
        requests.get(f"http://127.0.0.1:{port}/", timeout=10)
    expected = "The container engine does not answer: it broke off in the middle of an answer"
    assert raised.value.message == expected


def test_an_error_that_the_engine_reports_passes_through() -> None:
    with pytest.raises(APIError), translate_errors():
        raise APIError("no")
    with pytest.raises(ZeroDivisionError), translate_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    ("message", "faults"),
    [
        ("manifest unknown", {Fault.REGISTRY}),
        ("pull access denied for x, repository does not exist", {Fault.REGISTRY}),
        ("toomanyrequests: You have reached your pull rate limit", {Fault.REGISTRY}),
        ("dial tcp: lookup registry.invalid: no such host", {Fault.NETWORK, Fault.REGISTRY}),
        ('Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
         {Fault.REGISTRY}),
        ("write /var/lib/docker/tmp: no space left on device", {Fault.HOST}),
        ("something that nobody has seen", {Fault.REGISTRY}),
    ],
)  # fmt: skip
def test_the_fault_of_a_failed_pull(message: str, faults: set[Fault]) -> None:
    error = pull_failure("team/app:1", message)
    assert error.fault in faults
    assert error.message.startswith("team/app:1 could not be pulled: ")
    assert "\n" not in error.message
    assert (error.evidence, bool(error.remedy)) == (message, True)


@pytest.mark.parametrize(
    "message",
    ["unable to apply caps: operation not permitted", "network nowhere not found", "?", ""],
)
def test_a_refusal_is_never_the_images_fault(message: str) -> None:
    refused = launch_refusal(message)
    assert refused.fault is not Fault.IMAGE
    assert refused.evidence == message
    assert refused.remedy
    assert "\n" not in refused.message


def test_capabilities_that_the_host_lacks_are_the_hosts_fault() -> None:
    refused = launch_refusal(
        "runc create failed: unable to apply caps: operation not permitted: unknown"
    )
    assert refused.fault is Fault.HOST


def test_a_refusal_of_many_lines_becomes_one() -> None:
    assert launch_refusal("\n\nfirst line\nsecond line").message.endswith(": first line")
