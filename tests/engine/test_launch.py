"""A launched container is always removed, and a refused launch has a reason."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docker.errors import APIError, NotFound

from certify.engine import attribution, launch, notify_socket, reaper
from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.launch import LaunchedContainer, launch_container
from certify.engine.launch_plan import NOTIFY_FOLDER, SHELL_RAN, STATE_FOLDER, LaunchPlan, Limits
from certify.engine.own_network import OWN, Surroundings
from certify.engine.session import SessionLost
from certify.judge.control import Reach
from certify.model.errors import LaunchRefused
from certify.model.terms import Fault
from tests.conftest import SAMPLES
from tests.support.waiting import eventually

BUSYBOX = f"{SAMPLES}/busybox"
IDLE = LaunchPlan("idle", "default")
on_a_real_engine = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]


# What stands on the engine


def init_plan(engine: Engine) -> LaunchPlan:
    return LaunchPlan("init", engine.resolve_isolation().level, apparmor=engine.apparmor)


def standing(engine: Engine, run: str) -> list[str]:
    """What one launch left on the engine: its containers, volumes and networks."""
    api = engine.client.api
    ours = {"label": f"{reaper.RUN}={run}"}
    return [
        *(each["Id"] for each in api.containers(all=True, filters=ours)),
        *(each["Name"] for each in api.volumes(filters=ours)["Volumes"] or ()),
        *(each["Name"] for each in api.networks(filters=ours)),
    ]


def run_of(started: LaunchedContainer) -> str:
    return started.name.removeprefix("certify-")


class Launches:
    """Remembers what launches stood, and their folders, to look for them afterwards."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.runs: list[str] = []
        self.folders: list[Path] = []

    def saw(self, started: LaunchedContainer) -> Container:
        run = run_of(started)
        self.runs.append(run)
        assert started.container.id in standing(self.engine, run)
        if started.notify is not None:
            self.folders += Path(tempfile.gettempdir()).glob(f"certify-{run}-*")
            assert self.folders[-1].is_dir()
        return started.container

    def are_gone(self) -> bool:
        return (
            bool(self.runs)
            and not any(standing(self.engine, run) for run in self.runs)
            and not any(folder.exists() for folder in self.folders)
        )


@pytest.fixture
def launches(engine: Engine) -> Launches:
    return Launches(engine)


class TestRemoval:
    pytestmark = on_a_real_engine

    def test_at_the_end(self, engine: Engine, launches: Launches) -> None:
        with launch_container(engine, BUSYBOX, init_plan(engine)) as started:
            launches.saw(started)
            found = len(standing(engine, run_of(started)))
            assert found in (4, 5), "a container, network and volumes, and where needed a holder"
            assert not started.refusal
        assert launches.are_gone()
        assert bool(launches.folders) == engine.local
        assert started.notify is None or started.notify.fileno() == -1, "it is closed"

    @pytest.mark.parametrize(
        "error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)], ids=repr
    )
    def test_after_an_exception(
        self, engine: Engine, launches: Launches, error: BaseException
    ) -> None:
        with (
            pytest.raises(type(error)) as raised,
            launch_container(engine, BUSYBOX, IDLE, beside=True) as started,
        ):
            launches.saw(started)
            raise error
        assert raised.value is error
        assert launches.are_gone()

    def test_beside_what_follows_but_before_the_next_launch(
        self, engine: Engine, launches: Launches
    ) -> None:
        with launch_container(engine, BUSYBOX, init_plan(engine), beside=True) as started:
            launches.saw(started)
        with launch_container(engine, BUSYBOX, IDLE):
            assert launches.are_gone()

    def test_when_the_generator_is_closed(self, engine: Engine, launches: Launches) -> None:
        story = launch_container(engine, BUSYBOX, IDLE)
        launches.saw(story.__enter__())
        del story  # a generator that is forgotten is closed
        assert launches.are_gone()

    @pytest.mark.parametrize(
        "harm",
        [
            lambda api, each: api.remove_container(each.id, force=True),
            lambda api, each: api.remove_container(each.id, v=True, force=True),
            lambda api, each: api.kill(each.id),
            lambda api, each: api.pause(each.id),
            lambda api, each: api.rename(each.id, f"certify-test-{secrets.token_hex(6)}"),
        ],
        ids=["removed", "removed with volumes", "killed", "paused", "renamed"],
    )
    def test_after_others_changed_it(
        self, engine: Engine, launches: Launches, harm: Callable[[object, Container], None]
    ) -> None:
        with launch_container(engine, BUSYBOX, init_plan(engine)) as started:
            harm(engine.client.api, launches.saw(started))
        assert launches.are_gone()

    def test_with_a_shell_in_the_middle_of_something(
        self, engine: Engine, launches: Launches
    ) -> None:
        with launch_container(engine, BUSYBOX, IDLE) as started:
            shell = launches.saw(started).shell()
            assert shell.run("sleep 1000 & echo up").stdout == b"up\n"
        assert launches.are_gone()

    def test_the_container_goes_before_the_folder_that_it_mounts(
        self, engine: Engine, launches: Launches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else an engine that is still at the start finds nothing to mount, and says so instead."""
        seen: list[bool] = []
        remove = reaper.remove_run

        def watched(engine: Engine, run: str, containers: list[str]) -> None:
            seen.extend(folder.is_dir() for folder in launches.folders)
            remove(engine, run, containers)

        monkeypatch.setattr(reaper, "remove_run", watched)
        with launch_container(engine, BUSYBOX, init_plan(engine)) as started:
            launches.saw(started)
        assert seen == [True] * len(launches.folders)
        assert launches.are_gone()

    @pytest.mark.parametrize("kind", ["init", "idle"])
    def test_when_the_start_is_refused(self, engine: Engine, kind: str) -> None:
        plan = init_plan(engine) if kind == "init" else IDLE
        nowhere = LaunchPlan(plan.kind, plan.isolation, network=f"certify-{secrets.token_hex(6)}")
        with (
            pytest.raises(LaunchRefused, match="not found") as refused,
            launch_container(engine, BUSYBOX, nowhere),
        ):
            pytest.fail("it was started")
        assert refused.value.fault is Fault.HOST
        assert nowhere.network is not None
        assert nowhere.network in refused.value.evidence

    @pytest.mark.parametrize("kind", ["init", "idle"])
    def test_when_not_even_a_container_can_be_created(self, engine: Engine, kind: str) -> None:
        plan = init_plan(engine) if kind == "init" else IDLE
        with (
            pytest.raises(LaunchRefused),
            launch_container(engine, f"{SAMPLES}/{secrets.token_hex(6)}:none", plan),
        ):
            pytest.fail("it was started")

    def test_limits_that_the_engine_does_not_accept(self, engine: Engine) -> None:
        tiny = LaunchPlan("idle", "default", limits=Limits(memory="1k"))
        with (
            pytest.raises(LaunchRefused, match=r"(?i)memory"),
            launch_container(engine, BUSYBOX, tiny),
        ):
            pytest.fail("it was started")

    def test_privilege_that_the_host_cannot_give(self, engine: Engine) -> None:
        """Compared with the engine's own word, since other hosts do have all capabilities."""
        api = engine.client.api
        bare = api.create_container(
            BUSYBOX, command=["true"], host_config=api.create_host_config(privileged=True)
        )
        said = ""
        try:
            api.start(bare["Id"])
        except APIError as error:
            said = str(error.explanation)
        finally:
            api.remove_container(bare["Id"], force=True)
        plan = LaunchPlan("init", "privileged", apparmor=engine.apparmor)
        with contextlib.ExitStack() as stack:
            if said:
                assert "unable to apply caps" in said
                refused = stack.enter_context(pytest.raises(LaunchRefused))
            started = stack.enter_context(launch_container(engine, BUSYBOX, plan))
            assert started.container.shell().run("echo up").stdout == b"up\n"
        if said:
            assert refused.value.fault is Fault.HOST
            assert "unable to apply caps" in refused.value.evidence


@pytest.fixture
def demanding(engine: Engine) -> Iterator[str]:
    """An image with a user, an entrypoint, a health check and a volume of its own."""
    api = engine.client.api
    tag = secrets.token_hex(6)
    made = api.create_container(BUSYBOX)
    try:
        image = api.commit(
            made["Id"],
            repository="certify-test",
            tag=tag,
            changes=[
                "USER 1234:1234",
                'ENTRYPOINT ["/bin/false"]',
                'CMD ["of its own"]',
                "VOLUME /data",
                "WORKDIR /tmp",
                'HEALTHCHECK CMD ["/bin/false"]',
                'LABEL traefik.enable=true certify.run="mine" certify.keep=yes',
            ],
        )
    finally:
        api.remove_container(made["Id"])
    yield f"certify-test:{tag}"
    api.remove_image(image["Id"])


@pytest.fixture
def folder_as_command(engine: Engine) -> Iterator[str]:
    """An image whose own command is no program."""
    made = engine.client.api.create_container(BUSYBOX)
    try:
        image = engine.client.api.commit(made["Id"], changes=['ENTRYPOINT ["/bin"]'])
    finally:
        engine.client.api.remove_container(made["Id"])
    yield image["Id"]
    engine.client.api.remove_image(image["Id"])


class TestLaunch:
    pytestmark = on_a_real_engine

    def test_everything_carries_the_labels(self, engine: Engine) -> None:
        api = engine.client.api
        with launch_container(engine, BUSYBOX, init_plan(engine)) as started:
            expected = reaper.labels(run_of(started), BUSYBOX)
            container = api.inspect_container(started.name)
            assert container["Id"] == started.container.id
            labels = container["Config"]["Labels"]
            assert reaper.UNTIL in labels
            # The time after which an orphan may go is that of the launch, not of this line.
            expected[reaper.UNTIL] = labels[reaper.UNTIL]
            assert expected.items() <= labels.items()
            volumes = [each["Name"] for each in container["Mounts"] if each["Type"] == "volume"]
            assert len(volumes) == 2
            for volume in volumes:
                assert api.inspect_volume(volume)["Labels"] == expected

    def test_a_container_that_is_kept_can_be_removed_later(self, engine: Engine) -> None:
        with (
            pytest.raises(ValueError, match="mine"),
            launch_container(engine, BUSYBOX, init_plan(engine), keep=True) as started,
        ):
            raise ValueError("mine")
        assert len(standing(engine, run_of(started))) in (4, 5)
        assert started.container.shell().run("echo up").stdout == b"up\n"
        started.container.close_shells()
        reaper.remove_run(engine, run_of(started))
        assert standing(engine, run_of(started)) == []

    def test_a_refused_container_is_not_kept(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For nobody would be told of it."""
        run = reaper.new_run_id()
        monkeypatch.setattr(reaper, "new_run_id", lambda: run)
        nowhere = replace(init_plan(engine), network=f"certify-{secrets.token_hex(6)}")
        with pytest.raises(LaunchRefused), launch_container(engine, BUSYBOX, nowhere, keep=True):
            pytest.fail("it was started")
        assert standing(engine, run) == []

    def test_an_engine_with_other_files_works_without_events(
        self, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As where certify is in a container that has the socket of the host's engine."""
        elsewhere = tmp_path / f"certify-{secrets.token_hex(6)}"

        @contextlib.contextmanager
        def elsewhere_socket(run: str) -> Iterator[tuple[Path, socket.socket]]:
            with notify_socket.notify_socket(run) as (_, end):
                yield elsewhere, end

        monkeypatch.setattr(launch, "notify_socket", elsewhere_socket)
        with launch_container(engine, f"{SAMPLES}/debian-systemd", init_plan(engine)) as started:
            assert started.notify is None
            assert not started.container.has_notifications
            assert wait_booted(started.container, install_seconds=60, boot_seconds=60).ready
        assert not elsewhere.exists(), "the engine made none"

    def test_the_images_settings_are_overridden(self, engine: Engine, demanding: str) -> None:
        api = engine.client.api
        with launch_container(engine, demanding, IDLE) as started:
            candidate = started.container
            eventually(lambda: SHELL_RAN in candidate.logs())
            assert candidate.shell().run("id -u; id -g").stdout == b"0\n0\n"
            assert candidate.read_file("/proc-is-not-read") is None
            inspected = api.inspect_container(candidate.id)
            assert "Health" not in inspected["State"]
            labels = inspected["Config"]["Labels"]
            assert labels["traefik.enable"] == labels["certify.keep"] == ""
            assert labels["certify.run"] == run_of(started)
            (volume,) = (each["Name"] for each in inspected["Mounts"] if each["Type"] == "volume")
        with pytest.raises(NotFound):
            api.inspect_volume(volume)

    def test_no_password_of_a_proxy_is_handed_on(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        proxies = {"httpProxy": "http://me:secret@127.0.0.1:1", "httpsProxy": "http://127.0.0.1:2"}
        (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with launch_container(engine, BUSYBOX, IDLE) as started:
            environment = engine.client.api.inspect_container(started.container.id)["Config"]["Env"]
            assert "HTTPS_PROXY=http://127.0.0.1:2" in environment
            assert "secret" not in str(environment)

    def test_an_image_without_a_shell_can_be_examined(self, engine: Engine) -> None:
        with launch_container(engine, f"{SAMPLES}/scratch", init_plan(engine)) as started:
            assert "/bin/sh" in started.refusal
            assert not started.container.state().running
            program = started.container.read_file("/app")
            assert program is not None
            assert program.startswith(b"\x7fELF")

    @pytest.mark.parametrize("starts", [True, False])
    def test_a_command_that_may_not_be_executed(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, folder_as_command: str, starts: bool
    ) -> None:
        def calibrate(_engine: Engine) -> None:
            raise LaunchRefused("nothing starts here")

        if not starts:
            monkeypatch.setattr(attribution, "calibrate", calibrate)
        with contextlib.ExitStack() as stack:
            if not starts:
                stack.enter_context(pytest.raises(LaunchRefused, match="permission denied"))
            plan = LaunchPlan("image", "default")
            started = stack.enter_context(launch_container(engine, folder_as_command, plan))
            assert starts
            assert 'exec: "/bin": permission denied' in started.refusal

    def test_certifys_own_folder_is_writable(self, engine: Engine) -> None:
        with launch_container(engine, BUSYBOX, init_plan(engine)) as started:
            shell = started.container.shell()
            eventually(
                lambda: shell.run(f"read -r p <{STATE_FOLDER}/phase && echo $p").stdout == b"idle\n"
            )
            made = shell.run(
                f"cd {STATE_FOLDER} && printf '#!/bin/sh\\necho ran\\n' >x && chmod 755 x && ./x"
            )
            assert made.stdout == b"ran\n"
            if started.notify is not None:
                assert shell.run(f"[ -S {NOTIFY_FOLDER}/socket ]").rc == 0
                assert shell.run(f": >{NOTIFY_FOLDER}/mine").rc != 0, "the folder is the host's"

    def test_limits_hold(self, engine: Engine) -> None:
        limits = Limits(memory="64m", cpus=0.5, pids=99)
        with launch_container(
            engine, BUSYBOX, LaunchPlan("idle", "default", limits=limits)
        ) as started:
            given = engine.client.api.inspect_container(started.container.id)["HostConfig"]
            assert (given["Memory"], given["MemorySwap"]) == (64 * 1024**2, 64 * 1024**2)
            assert (given["NanoCpus"], given["PidsLimit"]) == (500_000_000, 99)
            assert given["LogConfig"]["Config"] == {"max-size": "16777216", "max-file": "1"}
            assert not (given["Privileged"] or given["CapAdd"] or given["Binds"])


class TestOwnNetwork:
    """With a network of its own, a candidate reaches no other container."""

    pytestmark = on_a_real_engine

    def test_no_neighbour_is_reached_and_nothing_is_left(self, engine: Engine) -> None:
        shared, own = (replace(IDLE, network=each) for each in ("bridge", OWN))
        with (
            launch_container(engine, BUSYBOX, shared) as neighbour,
            launch_container(engine, BUSYBOX, shared) as shares,
            launch_container(engine, BUSYBOX, own) as alone,
        ):
            address = address_of(neighbour, "bridge")
            ping = f"ping -c 1 -W 2 {address}"
            assert shares.container.shell("").run(ping).rc == 0
            assert alone.container.shell("").run(ping).rc == 1
            assert alone.network is not None
            network = engine.client.api.inspect_network(alone.network)
            assert list(network["Containers"]) == [alone.container.id]
            assert network["Labels"][reaper.RUN] == run_of(alone)
        assert standing(engine, run_of(alone)) == []

    def test_it_goes_with_a_candidate_that_is_not_started(self, engine: Engine) -> None:
        with launch_container(engine, f"{SAMPLES}/scratch", replace(IDLE, network=OWN)) as started:
            assert started.refusal
        assert standing(engine, run_of(started)) == []

    def test_two_have_two_without_being_asked_for(self, engine: Engine) -> None:
        with (
            launch_container(engine, BUSYBOX, IDLE) as one,
            launch_container(engine, BUSYBOX, IDLE) as other,
        ):
            assert one.network != other.network
            assert other.network is not None
            address = address_of(other, other.network)
            ping = f"ping -c 1 -W 2 {address}"
            assert one.container.shell("").run(ping).rc == 1


def address_of(started: LaunchedContainer, network: str) -> str:
    networks = started.container.engine.client.api.inspect_container(started.container.id)[
        "NetworkSettings"
    ]["Networks"]
    return str(networks[network]["IPAddress"])


def test_an_address_is_barred_by_rules_or_by_a_network_of_the_dockerd_inside() -> None:
    routes = (
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 010012AC 0003 0 0 0 00000000 0 0 0\n"
        "docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0\n"
    )

    def lost() -> None:
        raise SessionLost("the shell ended")

    shell = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout=routes.encode()))
    container = SimpleNamespace(shell=lambda: shell, engine=SimpleNamespace(byte_order="<"))
    started = LaunchedContainer(cast(Container, container), "name")
    assert started.bar(IPv4Address("172.17.0.9")) is Reach.HIDDEN
    assert started.bar(IPv4Address("172.18.0.1")) is None
    gone = SimpleNamespace(shell=lost, engine=container.engine)
    assert replace(started, container=cast(Container, gone)).bar(IPv4Address("172.17.0.9")) is None
    closed = replace(started, surroundings=Surroundings("closed", ("172.18.0.0/16",)))
    assert closed.bar(IPv4Address("172.17.0.9")) is Reach.CLOSED
    assert closed.bar(IPv4Address("10.1.1.1")) is Reach.CLOSED
    assert closed.bar(IPv4Address("172.18.0.1")) is None
