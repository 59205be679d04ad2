"""Containers of certify's own program on a real engine, and what they tell of its host."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import docker
import pytest
from docker.errors import APIError

from certify.engine import reaper
from certify.engine.calibration import calibrate, calibrated, slower
from certify.engine.client import Engine
from certify.engine.probe import programs
from certify.engine.trial import REPOSITORY, trials
from certify.model.errors import EngineUnavailable, LaunchRefused
from tests.conftest import Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def own(engine: Engine) -> str:
    return engine.platform.partition("/")[2]


@pytest.fixture
def gone(engine: Engine) -> Iterator[Engine]:
    """An engine that answered once, and is no longer there."""
    client = docker.DockerClient(base_url="tcp://127.0.0.1:1", version="1.41", timeout=5)
    with Engine(client, engine.info) as found:
        yield found


def probes(engine: Engine) -> list[str]:
    return [tag for image in engine.client.images.list(REPOSITORY) for tag in image.tags]


def test_a_trial_says_its_word_and_leaves_nothing(engine: Engine) -> None:
    with trials(engine) as tried:
        assert f"{REPOSITORY}:{tried.run_id}" in probes(engine)
        ran = tried.run(read="/etc/resolv.conf")
        assert (ran.exit_code, ran.output) == (0, tried.word)
        assert ran.file is not None
        assert b"nameserver" in ran.file
        assert min(ran.create_seconds, ran.start_seconds, ran.remove_seconds) > 0
        assert tried.run(read="/no/such/file").file is None
    assert f"{REPOSITORY}:{tried.run_id}" not in probes(engine)


def test_two_at_a_time_do_not_disturb_each_other(engine: Engine) -> None:
    with trials(engine) as one:
        with trials(engine) as two:
            assert one.word != two.word
            assert (one.run().output, two.run().output) == (one.word, two.word)
        assert one.run().output == one.word


def test_another_program_and_every_byte_of_its_output(engine: Engine, own: str) -> None:
    text = bytes(range(256)) + b"\r\n\n"
    with trials(engine) as tried:
        assert tried.run(programs.say(own, text)).output == text


def test_a_program_that_does_not_end_is_given_up(engine: Engine, own: str) -> None:
    with trials(engine) as tried:
        ran = tried.run(programs.serve(own, 7770, b""), seconds=1)
        assert ran.exit_code is None
        assert tried.run().exit_code == 0, "the next one is none the worse"


@pytest.mark.parametrize(
    ("config", "ends"),
    [
        ({}, programs.NO_MOUNT),
        # Docker's own filter lets mounts pass to those with the capability, and keyrings to nobody.
        ({"cap_add": ["SYS_ADMIN"]}, programs.NO_KEYRING),
        ({"cap_add": ["SYS_ADMIN"], "security_opt": ["seccomp=unconfined"]}, 0),
    ],
)
def test_what_a_container_may_is_tried(
    engine: Engine, own: str, config: dict[str, list[str]], ends: int
) -> None:
    if engine.apparmor:  # its default profile forbids mounts
        options = [*config.get("security_opt", ()), "apparmor=unconfined"]
        config = config | {"security_opt": options}
    with trials(engine) as tried:
        ran = tried.run(programs.exercise(own, tried.word, "/dev"), config=config)
        assert (ran.exit_code, ran.output) == (ends, b"" if ends else tried.word)


def test_what_the_engine_refuses_says_why(engine: Engine) -> None:
    with trials(engine) as tried, pytest.raises(LaunchRefused, match="certify-no-such-network"):
        tried.run(config={"network_mode": "certify-no-such-network"})


def test_a_container_that_cannot_be_removed_at_once_costs_no_answer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = engine.client.api
    remove = api.remove_container
    refused: list[str] = []

    def busy(container: str, **options: bool) -> None:
        if container not in refused:
            refused.append(container)
            raise APIError("driver failed to remove root filesystem: device or resource busy")
        remove(container, **options)

    monkeypatch.setattr(api, "remove_container", busy)
    with trials(engine) as tried:
        ran = tried.run()
        assert (ran.exit_code, ran.output) == (0, tried.word)
        with pytest.raises(LaunchRefused, match="certify-no-such-network"):
            tried.run(config={"network_mode": "certify-no-such-network"})
    assert len(refused) == 2


def test_a_volume_that_cannot_be_made_is_a_refusal(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: str, **_options: object) -> None:
        raise APIError("volume store is read-only")

    monkeypatch.setattr(engine.client.api, "create_volume", refuse)
    with trials(engine) as tried, pytest.raises(LaunchRefused, match="read-only"):
        tried.volume()


def test_an_engine_that_is_gone(gone: Engine) -> None:
    with pytest.raises(EngineUnavailable), trials(gone):
        pytest.fail("there is no engine")
    with pytest.raises(EngineUnavailable):
        calibrate(gone)
    assert calibrated(gone) is None, "a run does not fail of it"
    assert slower(gone) is None


def test_an_architecture_without_programs_is_told(engine: Engine) -> None:
    strange = Engine(engine.client, engine.info | {"Architecture": "loongarch64"})
    with pytest.raises(LaunchRefused, match="loongarch64"):
        calibrate(strange)
    assert calibrated(strange) is None


def test_the_speed_of_this_host(engine: Engine) -> None:
    found = calibrate(engine)
    assert min(found.create_seconds, found.start_seconds, found.remove_seconds) > 0
    assert found.total_seconds < 20
    assert calibrated(engine) is calibrated(engine), "once for an engine"
    before = calibrated(engine)
    now = slower(engine)
    assert before
    assert now
    assert now.total_seconds >= before.total_seconds


def test_clean_removes_orphaned_probe_images_and_no_others(
    engine: Engine, certify: Certify
) -> None:
    """What a person commits from a container of certify's inherits its labels, and is theirs."""
    api = engine.client.api
    machine = reaper.owner().partition("/")[0]
    labels = reaper.labels(reaper.new_run(), REPOSITORY) | {reaper.OWNER: f"{machine}/999999999/1"}
    names = {}
    for what in (reaper.PROBE, "candidate"):
        names[what] = f"certify-test-{what}:{secrets.token_hex(6)}"
        repository, _, tag = names[what].partition(":")
        marked = labels | {reaper.LABEL: what}
        api.import_image_from_data(
            programs.image_archive(programs.say("amd64", secrets.token_bytes(8))),
            repository=repository,
            tag=tag,
            changes=[f'LABEL {key}="{value}"' for key, value in marked.items()],
        )
    try:
        assert certify("clean").code == 0
        assert engine.client.images.list(names[reaper.PROBE]) == []
        assert engine.client.images.list(names["candidate"])
    finally:
        api.remove_image(names["candidate"], force=True)
