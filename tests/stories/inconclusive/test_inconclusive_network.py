"""No network, no names, a wrong clock, a mirror that is down: the host's trouble, not the image's.

An image whose own sources are wrong while others are served is another matter: that one is
rejected (tests/stories/sabotage). What comes between them is certify's control, a container of
its own on the same network; here it fares no better than the image.
"""

from __future__ import annotations

import hashlib
import io
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from certify.engine.client import Engine
from certify.engine.packages import family
from certify.model.result import CLOSED_NETWORK
from certify.model.terms import Outcome
from tests.conftest import SAMPLES, Certify
from tests.stories.inconclusive.answers import reason
from tests.support.misbehaving import SILENCE, Answering, Reply, listening, serving

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nothing_left")]

MIRRORS = ["deb.debian.org", "security.debian.org"]
OWN = "apt.team.test"
Build = Callable[..., str]


@pytest.fixture(scope="module")
def build(engine: Engine) -> Iterator[Build]:
    """Builds an image from a few lines of a Dockerfile; it is removed with the module."""
    made: dict[tuple[str, ...], str] = {}

    def run(*lines: str) -> str:
        if lines not in made:
            tag = f"certify-test/network-{uuid.uuid4().hex[:8]}:1"
            source = "\n".join((f"FROM {SAMPLES}/debian", *lines))
            engine.client.images.build(fileobj=io.BytesIO(source.encode()), tag=tag, rm=True)
            made[lines] = tag
        return made[lines]

    yield run
    for tag in made.values():
        engine.client.images.remove(tag, force=True)


@contextmanager
def network(engine: Engine, *, internal: bool) -> Iterator[str]:
    """A network of the engine; an internal one leads nowhere."""
    made = engine.client.networks.create(f"certify-test-{uuid.uuid4().hex[:8]}", internal=internal)
    try:
        yield str(made.name)
    finally:
        made.remove()


DOCKERD = """
name = "dockerd"
title = "dockerd alone"
description = "dockerd answers."
source = "tests"
launch = "init"
required = ["dockerd.running"]
"""


def test_a_network_in_the_addresses_of_the_images_dockerd(
    certify: Certify, tmp_path: Path, engine: Engine, build: Build
) -> None:
    (tmp_path / "dockerd.toml").write_text(DOCKERD, "utf-8")
    with network(engine, internal=False) as name:
        (given,) = engine.client.api.inspect_network(name)["IPAM"]["Config"]
        pools = f'{{"default-address-pools": [{{"base": "{given["Subnet"]}", "size": 24}}]}}'
        settings = f"RUN echo '{pools}' >/etc/docker/daemon.json"
        image = build(f"FROM {SAMPLES}/debian-devspace", settings)
        ended = certify(
            "run", image, "--profile", "./dockerd.toml", "--pull", "never", "--network", name,
            "--format", "json",
        )  # fmt: skip
    said = reason(ended, tmp_path / "reports")
    assert f"default-address-pools of the image's dockerd wants some of {given['Subnet']}" in said


ONE_SOURCE = "RUN echo 'deb http://deb.debian.org/debian bookworm main' >/etc/apt/sources.list"
IMPATIENT = "RUN echo 'Acquire::http::Timeout \"1\";' >/etc/apt/apt.conf.d/impatient"


# Nothing can be reached


@pytest.mark.parametrize(
    ("sample", "profile"),
    [
        ("debian", "plain"),
        pytest.param("debian", "devspace", marks=pytest.mark.slow),
        pytest.param("debian-devspace", "devspace", marks=pytest.mark.slow),
    ],
)
def test_a_network_that_is_down(
    certify: Certify, tmp_path: Path, sample: str, profile: str
) -> None:
    ended = certify(
        "run", "--network", "none", "--profile", profile, "--format", "json", f"{SAMPLES}/{sample}"
    )
    assert "Names are not resolved" in reason(ended, tmp_path / "reports")
    (refresh,) = (check for check in ended.result.checks if check.id == "packages.refresh")
    assert refresh.outcome is Outcome.UNKNOWN


# An address that no host has (RFC 5737), so that no name has to be resolved.
BY_ADDRESS = "RUN sed -i 's,//[^/]*/,//203.0.113.7/,' /etc/apt/sources.list"


def test_no_route_from_the_container(certify: Certify, tmp_path: Path, build: Build) -> None:
    ended = certify(
        "run", "--network", "none", "--profile", "plain", "--format", "json", build(BY_ADDRESS)
    )
    assert "There is no route from the container" in reason(ended, tmp_path / "reports")


def test_a_private_mirror_is_closed_until_somebody_names_it(
    certify: Certify, engine: Engine, tmp_path: Path, build: Build
) -> None:
    subnet = engine.client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    host = str(ip_network(subnet)[1])
    at = socket.create_server((host, 0))
    with serving(lambda _method, path: Reply(200 if path == "/" else 404), at=at) as port:
        server = f"http://{host}:{port}"
        image = build(f"RUN echo 'deb {server}/debian bookworm main' >/etc/apt/sources.list")
        words = ("run", "--profile", "plain", "--format", "json", image)
        ended = certify(*words)
        if ended.result.launch.network == CLOSED_NETWORK:  # where the firewall takes rules
            assert f"open it with --reach {host}" in reason(ended, tmp_path / "reports")
        ended = certify(*words, "--reach", host)
        assert f"{host} does not have what the image's sources name" in ended.out


@pytest.mark.slow
def test_a_service_that_a_closed_address_refused(
    certify: Certify, tmp_path: Path, build: Build
) -> None:
    says = "echo Error: connect ECONNREFUSED 10.1.2.3:5432 >&2; exit 1"
    image = build("EXPOSE 8080", f'CMD ["sh", "-c", "{says}"]')
    words = ("run", "--pull", "never", "--profile", "service", "--format", "json", image)
    ended = certify(*words)
    if ended.result.launch.network == CLOSED_NETWORK:
        assert "certify closes those to images" in reason(ended, tmp_path / "reports")
    assert certify(*words, "--network", "bridge").code == 1


MIRROR_LIST = (
    "RUN echo http://deb.debian.org/debian >/etc/apt/mirrors.list "
    "&& echo 'deb mirror+file:/etc/apt/mirrors.list bookworm main' >/etc/apt/sources.list"
)


def test_a_list_of_mirrors_is_in_the_image_and_they_are_not(
    certify: Certify, tmp_path: Path, build: Build
) -> None:
    image = build(MIRROR_LIST)
    ended = certify("run", "--network", "none", "--profile", "plain", "--format", "json", image)
    assert "Names are not resolved" in reason(ended, tmp_path / "reports")


# libfaketime stands in for the host's clock, which no test may set.
CLOCK = (
    "RUN apt-get update && apt-get install -y --no-install-recommends libfaketime "
    "&& rm -rf /var/lib/apt/lists/*",
    "ENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
)


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        ("+60d", "has expired"),
        ("+9000d", "has expired, or the host's clock is ahead"),
        ("-3d", "The host's clock is behind"),
    ],
)
def test_a_clock_that_is_wrong(
    certify: Certify, tmp_path: Path, build: Build, shift: str, told: str
) -> None:
    image = build(*CLOCK, f"ENV FAKETIME={shift}")
    ended = certify("run", "--profile", "plain", "--format", "json", image)
    assert told in reason(ended, tmp_path / "reports")


@pytest.mark.slow
def test_a_firewall_that_swallows_everything(
    certify: Certify, tmp_path: Path, engine: Engine, build: Build
) -> None:
    image = build(BY_ADDRESS)
    with network(engine, internal=True) as name:
        ended = certify("run", "--network", name, "--profile", "plain", "--format", "json", image)
    assert "the network's fault" in reason(ended, tmp_path / "reports")


@contextmanager
def without_names(engine: Engine, name: str) -> Iterator[None]:
    """The host's firewall lets no question for a name out of a network; all else passes."""
    subnet = engine.client.networks.get(name).attrs["IPAM"]["Config"][0]["Subnet"]
    rules = [
        ["DOCKER-USER", "-s", subnet, "-p", protocol, "--dport", "53", "-j", "REJECT"]
        for protocol in ("udp", "tcp")
    ]
    with ExitStack() as cleanup:
        for rule in rules:
            subprocess.run(["iptables", "-I", *rule], check=True)
            cleanup.callback(subprocess.run, ["iptables", "-D", *rule], check=True)
        yield


def test_name_servers_that_are_down(
    certify: Certify, tmp_path: Path, engine: Engine, build: Build
) -> None:
    image = build('ENV RES_OPTIONS="timeout:1 attempts:1"', ONE_SOURCE)
    with network(engine, internal=False) as name, without_names(engine, name):
        ended = certify("run", "--network", name, "--profile", "plain", "--format", "json", image)
    assert "Names are not resolved" in reason(ended, tmp_path / "reports")


# The distribution's mirror is reached, and broken for everyone


@pytest.fixture
def mirror(engine: Engine) -> Iterator[tuple[str, Path]]:
    """A network on which all mirrors are one container, and its network namespace."""
    api = engine.client.api
    with network(engine, internal=True) as name:
        made = api.create_container(
            f"{SAMPLES}/busybox",
            command=["sleep", "600"],
            host_config=api.create_host_config(network_mode=name),
            networking_config={"EndpointsConfig": {name: {"Aliases": [*MIRRORS, OWN]}}},
        )
        try:
            api.start(made["Id"])
            pid = api.inspect_container(made["Id"])["State"]["Pid"]
            yield name, Path(f"/proc/{pid}/ns/net")
        finally:
            api.remove_container(made["Id"], force=True)


BROKEN = {
    "404": Reply(404, b"nothing here"),
    "403": Reply(403, b"not for you"),
    "429": Reply(429, b"too many"),
    "500": Reply(500),
    "503": Reply(503),
    "redirects in a circle": Reply(301, headers={"Location": "http://deb.debian.org/"}),
    "redirects nowhere": Reply(301, headers={"Location": "http://nowhere.invalid/"}),
    "captive portal": Reply(200, b"<html>Log in to the network</html>"),
}
IN_DAILY_RUNS = ("404", "500", "cut off")


def some(replies: dict[str, Reply]) -> list[ParameterSet]:
    """All of them, most only where there is time."""
    return [
        pytest.param(reply, id=name, marks=[] if name in IN_DAILY_RUNS else [pytest.mark.slow])
        for name, reply in replies.items()
    ]


@pytest.mark.parametrize("reply", some(BROKEN))
def test_a_mirror_that_is_broken_for_everyone(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path], reply: Reply
) -> None:
    name, namespace = mirror
    with serving(lambda _method, _path: reply, at=listening(namespace)):
        ended = certify(
            "run", "--network", name, "--profile", "plain", "--format", "json", f"{SAMPLES}/debian"
        )
    said = reason(ended, tmp_path / "reports")
    assert "could not fetch its package lists" in said or "could not be fetched" in said
    assert "the network's fault" in said


@pytest.mark.slow
def test_a_mirror_that_refuses_connections(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path]
) -> None:
    ended = certify(
        "run", "--network", mirror[0], "--profile", "plain", "--format", "json", f"{SAMPLES}/debian"
    )
    assert "the network's fault" in reason(ended, tmp_path / "reports")


@pytest.mark.slow
def test_a_mirror_that_never_answers(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path], build: Build
) -> None:
    name, namespace = mirror
    with serving(lambda _method, _path: SILENCE, at=listening(namespace)):
        ended = certify(
            "run",
            "--network",
            name,
            "--profile",
            "plain",
            "--format",
            "json",
            build(ONE_SOURCE, IMPATIENT),
        )
    assert "the network's fault" in reason(ended, tmp_path / "reports")


@pytest.mark.slow
def test_a_mirror_that_is_broken_while_the_launch_installs(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path]
) -> None:
    name, namespace = mirror
    with serving(lambda _method, _path: Reply(503), at=listening(namespace)):
        ended = certify("run", "--network", name, "--format", "json", f"{SAMPLES}/debian-systemd")
    assert "the network's fault" in reason(ended, tmp_path / "reports")


# A mirror of the image's own choice, while the distribution's serves


def own_mirror(suite: str, port: int = 80) -> str:
    return f"RUN echo 'deb http://{OWN}:{port}/team {suite} main' >/etc/apt/sources.list"


def serves(*paths: str) -> Callable[[str, str], Reply]:
    """A web server that has Debian's mirror in it, and these."""
    there = ("/debian/dists/stable/InRelease", *paths)
    return lambda _method, path: Reply(200) if path in there else Reply(404)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param(own_mirror("bookworm", 81), "that server is down", id="refuses"),
        pytest.param(own_mirror("bookworm"), "that mirror may be out of order", id="404"),
    ],
)
def test_a_mirror_of_ones_own_that_is_down_for_everyone(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path], build: Build, line: str, why: str
) -> None:
    name, namespace = mirror
    with serving(serves(), at=listening(namespace)):
        ended = certify(
            "run", "--network", name, "--profile", "plain", "--format", "json", build(line)
        )
    said = reason(ended, tmp_path / "reports")
    assert OWN in said
    assert why in said


def test_a_mirror_of_ones_own_that_never_had_what_the_image_names(
    certify: Certify, mirror: tuple[str, Path], build: Build
) -> None:
    name, namespace = mirror
    release = "/team/dists/bookworm/InRelease"
    with serving(serves(release), at=listening(namespace)):
        ended = certify(
            "run", "--network", name, "--profile", "plain", "--format", "json",
            build(own_mirror("bookwurm")),
        )  # fmt: skip
    assert ended.code == 1, ended.err
    (why,) = ended.result.verdict.reasons
    assert (why.check, f"serves http://{OWN}{release}" in why.text) == ("packages.refresh", True)


# The mirror has lists, and not what they name

PACKAGE = b"not what the lists say"
LISTS = "\n".join(
    f"""\
Package: {name}
Version: 1
Architecture: amd64
Maintainer: certify
Description: named in the lists
Filename: pool/{name}_1_amd64.deb
Size: {len(PACKAGE)}
SHA256: {hashlib.sha256(b"what the lists say").hexdigest()}
"""
    for name, _ in family("apt").trials
).encode()
RELEASE = f"""\
Suite: bookworm
Codename: bookworm
Architectures: amd64
Components: main
SHA256:
 {hashlib.sha256(LISTS).hexdigest()} {len(LISTS)} main/binary-amd64/Packages
""".encode()
UNSIGNED = "RUN echo 'deb [trusted=yes] http://deb.debian.org/debian bookworm main' \
    >/etc/apt/sources.list"


def inconclusive_with(
    certify: Certify, folder: Path, mirror: tuple[str, Path], answering: Answering, image: str
) -> tuple[str, dict[str, Outcome]]:
    """The reason, and what each check said, where the mirror answers so."""
    name, namespace = mirror
    with serving(answering, at=listening(namespace)):
        ended = certify("run", "--network", name, "--profile", "plain", "--format", "json", image)
    said = reason(ended, folder / "reports")
    return said, {check.id: check.outcome for check in ended.result.checks}


@pytest.mark.parametrize(
    "reply", some(BROKEN | {"silence": SILENCE, "another file": Reply(200, PACKAGE)})
)
def test_a_mirror_that_does_not_give_the_packages_it_lists(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path], build: Build, reply: Reply
) -> None:
    def answer(_method: str, path: str) -> Reply:
        if path.endswith("/Release"):
            return Reply(200, RELEASE)
        if path.endswith("/Packages"):
            return Reply(200, LISTS)
        return reply if "/pool/" in path else Reply(404)

    image = build(UNSIGNED, IMPATIENT)
    said, outcomes = inconclusive_with(certify, tmp_path, mirror, answer, image)
    assert outcomes["packages.refresh"] is Outcome.PASSED
    assert outcomes["packages.install"] is Outcome.UNKNOWN
    assert "the network's fault" in said


CUT_OFF = Reply(200, LISTS[:100], {"Content-Length": str(len(LISTS)), "Connection": "close"})


@pytest.mark.parametrize(
    "reply", some({"404": Reply(404), "500": Reply(500), "silence": SILENCE, "cut off": CUT_OFF})
)
def test_a_mirror_that_does_not_give_the_lists_it_names(
    certify: Certify, tmp_path: Path, mirror: tuple[str, Path], build: Build, reply: Reply
) -> None:
    def answer(_method: str, path: str) -> Reply:
        if path.endswith("/Release"):
            return Reply(200, RELEASE)
        if "/Packages" in path or "/by-hash/" in path:
            return reply
        # All that the control asks for is there, so that it reaches what the image does not get.
        return Reply(200) if path in ("/", "/debian/dists/stable/InRelease") else Reply(404)

    image = build(UNSIGNED, IMPATIENT)
    said, outcomes = inconclusive_with(certify, tmp_path, mirror, answer, image)
    assert outcomes["packages.refresh"] is Outcome.UNKNOWN
    assert "network" in said
