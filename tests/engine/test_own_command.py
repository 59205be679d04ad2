"""A command that an image's own entrypoint runs, without an engine: what is asked, and trouble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from certify.engine import own_command
from certify.engine.client import Engine
from certify.engine.errors import APIError
from certify.engine.own_command import run_by_entrypoint
from certify.model.errors import EngineUnavailable, LaunchRefused

MISSING = (
    "failed to create task for container: OCI runtime create failed: runc create failed: unable"
    ' to start container process: exec: "/entry": stat /entry: no such file or directory: unknown'
)
NO_USER = "unable to find user ann: no matching entries in passwd file"
FULL = "failed to mount overlay: no space left on device"
LATE = requests.exceptions.ReadTimeout("read timed out")


class Api:
    """An engine's container, which says something and ends, or not."""

    def __init__(self, *, start: Exception | None = None, wait: Exception | None = None) -> None:
        self.start_error, self.wait_error = start, wait
        self.asked: dict[str, Any] = {}

    def create_host_config(self, **config: Any) -> dict[str, Any]:
        return config

    def create_container(self, image: str, command: list[str], **how: Any) -> dict[str, str]:
        self.asked = {"image": image, "command": command, **how}
        return {"Id": "c1"}

    def start(self, _container: str) -> None:
        if self.start_error:
            raise self.start_error

    def wait(self, _container: str, timeout: int) -> None:
        self.asked["timeout"] = timeout
        if self.wait_error:
            raise self.wait_error

    def logs(self, _container: str, tail: int) -> bytes:
        self.asked["lines"] = tail
        return b"said \xff"


class Host(Engine):
    """The engine itself, which may be gone by the time that it is asked."""

    def __init__(self, api: Api, *, gone: bool) -> None:
        super().__init__(cast(Any, SimpleNamespace(api=api)), {"NCPU": 2})
        self.gone = gone

    def image_configuration(self, image: str) -> dict[str, Any]:
        return {"Entrypoint": ["/entry"]}

    def ping(self, *, seconds: float = 20) -> None:
        if self.gone:
            raise EngineUnavailable("it is gone")


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose objects were removed."""
    over: list[str] = []

    @contextmanager
    def new_run(_engine: Engine) -> Iterator[str]:
        try:
            yield "r1"
        finally:
            over.append("r1")

    monkeypatch.setattr(own_command, "new_run", new_run)
    return over


def run(api: Api, *, gone: bool = False, **how: Any) -> str:
    command = ["-c", "id"]
    host = Host(api, gone=gone)
    return run_by_entrypoint(host, "x:1", command, seconds=7.9, platform="linux/arm", **how)


def test_it_runs_as_docker_run_does_but_without_a_network(removed: list[str]) -> None:
    api = Api()
    assert run(api) == "said \ufffd"
    assert removed == ["r1"]
    asked, config = api.asked, api.asked["host_config"]
    assert (asked["image"], asked["command"], asked["platform"]) == (
        "x:1", ["-c", "id"], "linux/arm",
    )  # fmt: skip
    assert (asked["entrypoint"], asked["user"]) == (None, None), "the image's own"
    assert asked["name"].endswith("r1") and "r1" in asked["labels"].values()
    assert config["network_mode"] == "none"
    assert not {"privileged", "cap_add", "security_opt"} & {*config}
    assert asked["timeout"] == 7


def test_another_entrypoint_runs_as_root_with_its_last_lines(removed: list[str]) -> None:
    api = Api()
    run(api, entrypoint="/bin/sh", lines=9)
    assert (api.asked["entrypoint"], api.asked["user"]) == ("/bin/sh", "0:0")
    assert api.asked["lines"] == 9


@pytest.mark.parametrize("said", [MISSING, NO_USER])
def test_what_the_image_itself_keeps_from_starting_is_the_answer(
    removed: list[str], said: str
) -> None:
    assert run(Api(start=APIError(said))) == said
    assert removed == ["r1"]


@pytest.mark.parametrize(
    ("said", "how"), [(FULL, {}), (MISSING, {"entrypoint": "/another"})], ids=["disk", "program"]
)
def test_what_is_not_the_images_fault_is_raised(
    removed: list[str], said: str, how: dict[str, Any]
) -> None:
    with pytest.raises(LaunchRefused) as refused:
        run(Api(start=APIError(said)), **how)
    assert refused.value.evidence == said
    assert removed == ["r1"]


def test_a_command_that_takes_longer_has_said_what_it_said(removed: list[str]) -> None:
    assert run(Api(wait=LATE)) == "said \ufffd"
    assert removed == ["r1"]


def test_an_engine_that_is_gone_meanwhile_is_told(removed: list[str]) -> None:
    with pytest.raises(EngineUnavailable, match="it is gone"):
        run(Api(wait=LATE), gone=True)
    assert removed == ["r1"]
