"""Containers of certify's own program on a real engine."""

from __future__ import annotations

import secrets

import pytest
from docker.errors import APIError

from certify.engine import reaper
from certify.engine.client import Engine
from certify.engine.probe import programs
from certify.engine.probe.image import probe_image
from certify.model.errors import LaunchRefused
from tests.conftest import Certify

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def own(engine: Engine) -> str:
    return engine.platform.partition("/")[2]


def probes(engine: Engine) -> list[str]:
    return [tag for image in engine.client.images.list(reaper.PROBES) for tag in image.tags]


def test_a_probe_prints_its_word_and_leaves_nothing(engine: Engine) -> None:
    with probe_image(engine) as probe:
        assert f"{reaper.PROBES}:{probe.run_id}" in probes(engine)
        ran = probe.run()
        assert (ran.exit_code, ran.output) == (0, probe.word)
        assert min(ran.create_seconds, ran.start_seconds, ran.remove_seconds) > 0
        servers = probe.run(programs.copy_file(engine.architecture, "/etc/resolv.conf"))
        assert b"nameserver" in servers.output
    assert f"{reaper.PROBES}:{probe.run_id}" not in probes(engine)


def test_two_probes_at_a_time(engine: Engine) -> None:
    with probe_image(engine) as one:
        with probe_image(engine) as two:
            assert one.word != two.word
            assert (one.run().output, two.run().output) == (one.word, two.word)
        assert one.run().output == one.word


def test_another_programs_output_comes_back_whole(engine: Engine, own: str) -> None:
    text = bytes(range(256)) + b"\r\n\n"
    with probe_image(engine) as probe:
        assert probe.run(programs.echo(own, text)).output == text


def test_a_program_that_does_not_end_is_given_up(engine: Engine, own: str) -> None:
    with probe_image(engine) as probe:
        ran = probe.run(programs.serve(own, 7770, b""), seconds=1)
        assert ran.exit_code is None
        assert probe.run().exit_code == 0, "the next one is none the worse"


@pytest.mark.parametrize(
    ("config", "ends"),
    [
        ({}, programs.NO_MOUNT),
        ({"cap_add": ["SYS_ADMIN"]}, 0),
    ],
)
def test_privileges_of_a_container(
    engine: Engine, own: str, config: dict[str, list[str]], ends: int
) -> None:
    if engine.apparmor:  # its default profile forbids mounts
        options = [*config.get("security_opt", ()), "apparmor=unconfined"]
        config = config | {"security_opt": options}
    with probe_image(engine) as probe:
        ran = probe.run(programs.mount_tmpfs(own, probe.word, "/dev"), config=config)
        assert (ran.exit_code, ran.output) == (ends, b"" if ends else probe.word)


def test_a_refusal_has_the_engines_reason(engine: Engine) -> None:
    with (
        probe_image(engine) as probe,
        pytest.raises(LaunchRefused, match="certify-no-such-network"),
    ):
        probe.run(config={"network_mode": "certify-no-such-network"})


def test_a_refused_removal_does_not_lose_the_result(
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
    with probe_image(engine) as probe:
        ran = probe.run()
        assert (ran.exit_code, ran.output) == (0, probe.word)
        with pytest.raises(LaunchRefused, match="certify-no-such-network"):
            probe.run(config={"network_mode": "certify-no-such-network"})
    assert len(refused) == 2


def test_a_volume_that_cannot_be_made_is_a_refusal(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: str, **_options: object) -> None:
        raise APIError("volume store is read-only")

    monkeypatch.setattr(engine.client.api, "create_volume", refuse)
    with probe_image(engine) as probe, pytest.raises(LaunchRefused, match="read-only"):
        probe.volume()


def test_clean_removes_orphaned_probe_images_and_no_others(
    engine: Engine, certify: Certify
) -> None:
    """What a person commits from a container of certify's inherits its labels, and is theirs."""
    api = engine.client.api
    machine = reaper.owner().partition("/")[0]
    run = reaper.new_run_id()
    labels = reaper.labels(run, reaper.PROBES) | {reaper.OWNER: f"{machine}/999999999/1"}
    names = {reaper.PROBE: f"{reaper.PROBES}:{run}", "candidate": f"certify-test-candidate:{run}"}
    for what, name in names.items():
        repository, _, tag = name.partition(":")
        marked = labels | {reaper.LABEL: what}
        api.import_image_from_data(
            programs.image_archive(programs.echo("amd64", secrets.token_bytes(8))),
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
