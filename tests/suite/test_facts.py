"""Each fact that proves or explains a cause, where it holds and where it does not."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certify.engine.boot import wait_booted
from certify.engine.client import Engine
from certify.engine.container import Container
from certify.engine.launch import launch_container
from certify.engine.launch_plan import LaunchPlan
from certify.judge.diagnosis import signatures
from certify.judge.validity import WINDOWS
from certify.model.result import Image
from certify.suite import facts as looked_up
from certify.suite.candidate import Candidate
from certify.suite.facts import Facts
from certify.suite.job import Job
from certify.suite.own_settings import SOURCES
from tests.conftest import SAMPLES

TAG = "certify-world/facts"
DOCKERFILE = rf"""
FROM {SAMPLES}/debian-devspace
VOLUME /opt/data
ENV DOCKER_HOST=tcp://127.0.0.1:1 LD_LIBRARY_PATH=/opt/lib:/srv/lib/
RUN mkdir -p /etc/docker /etc/containerd /etc/apt/keyrings /srv/little \
 && echo '{{"data-root": "/srv/docker", "storage-driver": "overlay2"}}' >/etc/docker/daemon.json \
 && printf 'root = "/srv/containerd"\n' >/etc/containerd/config.toml \
 && : >/etc/apt/keyrings/closed.gpg && chmod 600 /etc/apt/keyrings/closed.gpg \
 && echo -----BEGIN PGP PUBLIC KEY BLOCK----- >/etc/apt/keyrings/armored.gpg \
 && for each in gone closed armored; do \
    echo "deb [signed-by=/etc/apt/keyrings/$each.gpg] http://$each.invalid/ x main" \
    ; done >/etc/apt/sources.list.d/x.list \
 && mkdir /opt/repo && cd /opt/repo && for each in ed joe; do printf '%s\n' "Package: $each" \
    'Version: 9' 'Architecture: all' "Filename: ./$each.deb" 'Size: 1' 'MD5sum: 0' '' \
    ; done >Packages \
 && echo 'deb [trusted=yes] file:/opt/repo ./' >/etc/apt/sources.list.d/own.list \
 && apt-get -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/own.list \
    -o Dir::Etc::sourceparts=- update \
 && printf 'Package: ed\nPin: version *\nPin-Priority: -1\n' >/etc/apt/preferences.d/x \
 && echo 'tmpfs /srv/little tmpfs size=64k 0 0' >/etc/fstab \
 && mkdir -p /etc/systemd/system/docker.service.d /etc/systemd/system.conf.d \
 && printf '%s\n' '[Service]' ExecStart= \
    'ExecStart=/bin/true --data-root=/srv/d' \
    >/etc/systemd/system/docker.service.d/own.conf \
 && printf '[Manager]\nDefaultLimitNOFILE=4096\n' >/etc/systemd/system.conf.d/own.conf
"""
"""An image whose own configuration explains what looks like another's fault."""
EXHAUST = """\
for c in memory pids; do
  d=/sys/fs/cgroup/$c; [ -d $d ] || d=/sys/fs/cgroup; d=$d/few; mkdir -p $d
  for f in $d/memory.limit_in_bytes $d/memory.max; do [ ! -e $f ] || echo 16M >$f; done
  [ ! -e $d/pids.max ] || echo 2 >$d/pids.max
done
sh -c 'echo $$ >'$d'/cgroup.procs; (:) & (:) & (:) & wait'
d=/sys/fs/cgroup/memory/few; [ -d $d ] || echo 100 >/sys/fs/cgroup/few/pids.max
[ -d $d ] || d=/sys/fs/cgroup/few
sh -c 'echo $$ >'$d'/cgroup.procs; exec tail /dev/zero'
head -c 100k /dev/zero >/srv/little/full
sed -i 's/^group:.*/group: sss/' /etc/nsswitch.conf
"""


@pytest.fixture(scope="module")
def candidates(engine: Engine) -> Iterator[dict[str, Candidate]]:
    """What facts are about: a strict container, an open one, one that booted, a privileged one."""
    engine.client.images.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=TAG, rm=True)
    settings: dict[str, dict[str, Any]] = {
        "strict": {"security_opt": ["no-new-privileges"]},
        "open": {"security_opt": ["seccomp=unconfined"]},
        "privileged": {"privileged": True},
    }
    made = {}
    with ExitStack() as stack:
        stack.callback(engine.client.api.remove_image, TAG, force=True)
        for name, each in settings.items():
            raw = engine.client.containers.create(
                f"{SAMPLES}/debian", ["sleep", "600"], labels={"certify.facts": name}, **each
            )
            stack.callback(raw.remove, force=True, v=True)
            if name != "privileged":  # which this host may refuse to start
                raw.start()
            made[name] = candidate(Container(engine, str(raw.id), None), "linux/arm64")
        plan = LaunchPlan("init", "caps", apparmor=engine.apparmor)
        container = stack.enter_context(launch_container(engine, TAG, plan)).container
        wait_booted(container, install_seconds=60, boot_seconds=60)
        made["booted"] = candidate(container, engine.platform)
        made["booted"].run(EXHAUST)
        yield made
        for one in made.values():
            one.container.close_shells()


def candidate(container: Container, platform: str) -> Candidate:
    job = Job(
        container=container.id, image=Image(reference="x", platform=platform), launch="idle",
        engine_platform=container.engine.platform,
    )  # fmt: skip
    return Candidate(job, container, lambda _name, _value: None)


OF = "W: GPG error: http://"
CONFINES = "withholds CAP_SYS_ADMIN, or confines root by a user namespace or AppArmor"
LIBRARY = "ENV LD_LIBRARY_PATH leads to the library"
TABLE = [  # the fact, the line that made it matter, where it holds, where it does not
    ("the launch has no volume at /var/lib/docker", "", "strict", "booted"),
    ("the launch has no tmpfs at /run", "", "strict", "booted"),
    ("the launch has no control groups at /sys/fs/cgroup/devices", "", "", "strict"),
    ("the launch withholds CAP_SYS_ADMIN", "", "strict", "booted"),
    ("the launch withholds CAP_SYS_MODULE", "", "booted", "privileged"),
    (f"the launch {CONFINES}", "", "strict", "privileged"),
    ("the launch is privileged", "", "privileged", "booted"),
    ("the launch filters system calls", "", "strict", "open"),
    ("the launch forbids new privileges", "", "strict", "open"),
    ("the kernel killed a process of the container for want of memory", "", "booted", ""),
    ("the kernel refused the container a process", "", "booted", ""),
    ("root cannot write to the control groups", "", "strict", "booted"),
    ("root cannot write to /proc/sys/net/ipv4/ip_forward", "", "strict", "booted"),
    ("a file system in memory that the image itself mounts is full", "", "booted", "strict"),
    ("the host has another architecture than the image", "", "strict", "booted"),
    ("the image has the architecture of the host", "", "booted", "strict"),
    ("the image declares a VOLUME over /opt/data", "", "booted", "strict"),
    ("the image sets ENV DOCKER_HOST", "", "booted", "strict"),
    (LIBRARY, "init: error: /srv/lib/libc.so.6: file too short", "booted", "strict"),
    (LIBRARY, "init: error: /usr/lib/libc.so.6: file too short", "", "booted"),
    ("daemon.json sets data-root", "", "booted", "strict"),
    ("daemon.json sets storage-driver to another than overlay2", "", "", "booted"),
    ("daemon.json sets storage-driver to another than overlay", "", "booted", "strict"),
    ("the docker.service of the image moves its storage", "", "booted", "strict"),
    ("the containerd.service of the image moves its storage", "", "booted", "strict"),
    ("the image's systemd configuration limits LimitNOFILE", "", "booted", "strict"),
    ("the image's PATH has neither /opt/a and /opt/b", "", "strict", ""),
    ("the image's PATH has neither /bin and /usr/bin", "", "", "strict"),
    ("the image's PATH has /sbin and /usr/sbin", "", "strict", ""),
    ("the image's PATH has /opt/a", "", "", "strict"),
    ("a key of apt's is not readable for everybody", "", "booted", "strict"),
    ("a key of apt's is not readable for everybody", f"{OF}gone.invalid x", "", "booted"),
    ("a key that a source of apt's names is not there", f"{OF}gone.invalid x", "booted", "strict"),
    ("a key that a source of apt's names is not there", f"{OF}closed.invalid x", "", "booted"),
    ("a key of apt's has the suffix of another format", f"{OF}armored.invalid x", "booted", ""),
    ("a key of apt's has the suffix of another format", f"{OF}gone.invalid x", "", "booted"),
    ("a pin of the image forbids the package", "'ed' has no installation candidate", "booted", ""),
    ("a pin of the image forbids the package", "'joe' has no installation candidate", "", "booted"),
    ("a pin of the image forbids the package", "Unable to locate package ed", "", "booted"),
    ("accounts are not looked up in files", "", "booted", "strict"),
    ("/srv is no folder that everybody can write to", "", "booted", ""),
    ("/tmp is no folder that everybody can write to", "", "", "booted"),
    ("the file is not readable for everybody", "/etc/apt/keyrings/closed.gpg is", "booted", ""),
    ("the file is not readable for everybody", "/etc/passwd is", "", "booted"),
    ("the hook is the image's own", "APT::Update::Post-Invoke 'false'", "strict", ""),
    ("the hook is the image's own", "Post-Invoke 'rm -f /var/cache/apt/x'", "", "strict"),
    ("the host's processor lacks what the line names", "x86-64-v2", "", "strict"),
]  # fmt: skip
KEY_OF_NOVEMBER_ID = "23D6AB63ACC53CB9"
KEY_OF_NOVEMBER = base64.b64decode(
    "mDMEauaBABYJKwYBBAHaRw8BAQdAjj5KXxR4RTFcuHpXEbX8HuEVzcRD6UAhHlgEBsMpcw20EUEgPGFAZXhhbXBs"
    "ZS5vcmc+iJYEExYIAD4WIQRGVCiPPrcUeCYEkQUj1qtjrMU8uQUCauaBAAIbAwUJABpeAAULCQgHAgYVCgkICwIE"
    "FgIDAQIeAQIXgAAKCRAj1qtjrMU8uXecAP0XgWWRoT4Vm4c21KIzAtL1APSOSCj18rDgoOzr6Oxg+AD9HxhoYDdt"
    "BZl3iFc1q/fptIrtFruT7fzAoNO2pq32tAE="
)
"""A key of GnuPG's that expires on 2026-11-21."""
COUNTED = {
    "the kernel killed a process of the container for want of memory",
    "the kernel refused the container a process",
}


@pytest.mark.engine
@pytest.mark.parametrize(("fact", "line", "where", "elsewhere"), TABLE)
def test_a_fact_where_it_holds_and_where_it_does_not(
    candidates: dict[str, Candidate], fact: str, line: str, where: str, elsewhere: str
) -> None:
    for name, expected in ((where, True), (elsewhere, False)):
        if name:
            assert Facts(candidates[name], "")(fact, line) is expected, name


@pytest.mark.engine
def test_facts_about_the_engine(
    candidates: dict[str, Candidate], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what an engine answers, as a host has only one of its kind."""
    facts = Facts(candidates["booted"], "")
    engine = candidates["booted"].container.engine
    for answer, expected in (
        ({"SecurityOptions": [], "ServerVersion": "26.1.5", "CgroupVersion": "2"}, False),
        (
            {
                "SecurityOptions": ["name=apparmor", "name=userns"],
                "ServerVersion": "20.10.9+dfsg1",
                "CgroupVersion": "1",
            },
            True,
        ),
    ):
        monkeypatch.setattr(engine, "info", engine.info | answer)
        for fact in (
            "the host has AppArmor",
            "the host has cgroup v1",
            "the host's engine is older than Docker 20.10.10",
            f"the launch {CONFINES}",
        ):
            assert facts(fact, "") is expected, fact


@pytest.mark.engine
@pytest.mark.parametrize(("version", "expected"), [("1", None), ("2", False)])
def test_counts_of_groups_that_are_gone_prove_nothing(
    candidates: dict[str, Candidate],
    version: str,
    expected: bool | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = candidates["strict"].container.engine
    monkeypatch.setattr(engine, "info", engine.info | {"CgroupVersion": version})
    facts = Facts(candidates["strict"], "")
    for fact in COUNTED:
        assert facts(fact, "") is expected


@pytest.mark.engine
def test_what_a_stopped_container_cannot_tell_refutes_nothing(
    candidates: dict[str, Candidate],
) -> None:
    assert Facts(candidates["privileged"], "")("the launch has no tmpfs at /run", "") is None


@pytest.mark.parametrize(
    ("fetched", "other"),
    [
        ("Get:1 http://a.example/debian bookworm InRelease [151 kB]", True),
        ("Hit:1 http://a.example/debian nightly Release", False),
        ("Get:1 http://a.example/debian bookworm/main amd64 Packages [8790 kB]", False),
        ("Err:1 http://b.example/debian bookworm Release", False),
    ],
)
def test_another_source_was_fetched(fetched: str, other: bool) -> None:
    facts = Facts(cast(Candidate, None), fetched)
    line = "E: The repository 'http://a.example/debian nightly Release' does not have a Release"
    assert facts("another source was fetched", line) is other


@pytest.mark.parametrize(
    ("found", "leads"),
    [("/usr/bin/zsh\n", True), ("/usr/bin/zsh5\n", True), ("/usr/bin/dash\n", False)],
)
def test_the_shell_that_sh_leads_to(found: str, leads: bool) -> None:
    candidate = SimpleNamespace(run=lambda _command: SimpleNamespace(stdout=found))
    assert Facts(cast(Candidate, candidate), "")("/bin/sh leads to zsh", "") is leads


@pytest.mark.parametrize(
    ("made", "over"),
    [("Mon, 30 Nov 2026 01:00:00 UTC", True), ("Mon, 09 Nov 2026 01:00:00 UTC", False)],
)
def test_a_key_that_had_expired_when_another_source_was_made(made: str, over: bool) -> None:
    printed = {
        SOURCES: "deb http://a.example/ x main\n",
        WINDOWS: f"1\nDate: {made}\n",
    }
    candidate = SimpleNamespace(
        run=lambda command: SimpleNamespace(stdout=printed.get(command, "/etc/a.gpg\n")),
        read_file={"/etc/a.gpg": KEY_OF_NOVEMBER}.get,
    )
    facts = Facts(cast(Candidate, candidate), "")
    fact = "the key had expired when another source was made"
    assert facts(fact, f"signatures were invalid: EXPKEYSIG {KEY_OF_NOVEMBER_ID} A") is over
    assert facts(fact, "signatures were invalid: EXPKEYSIG 0123456789ABCDEF A") is False
    by_sqv = "The primary key is not live   because: Expired on 2026-11-15T00:00:00Z"
    assert facts(fact, by_sqv) is over


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("  agent (no such package):", True),
        ("  agen (no such package):", False),
        ("  agent.x (no such package):", False),
        ("error: target not found", False),
    ],
)
def test_a_package_that_the_world_of_apk_names(line: str, names: bool) -> None:
    candidate = SimpleNamespace(run=lambda _command: SimpleNamespace(stdout="jq\nagent@own\n"))
    facts = Facts(cast(Candidate, candidate), f"ERROR: unable to select packages:\n{line}\n")
    assert facts("the image's /etc/apk/world names the package", "unable to select") is names


def test_every_fact_has_a_row_both_ways() -> None:
    engine = {
        "the host has AppArmor",
        "the host has cgroup",
        "the host's engine is older",
        CONFINES,
    }
    pure = {"unfit for overlay", "the host's processor", "another source", "/bin/sh leads to",
            "/etc/apk/world", "no package source", "the private address"}  # fmt: skip
    named = {each.fact for one in signatures() for each in one.explained_by} | {
        one.proof for one in signatures() if one.proof
    }
    for fact in named:
        (pattern,) = [each for each in looked_up._FACTS if re.fullmatch(each, fact)]
        rows = [row for row in TABLE if re.fullmatch(pattern, row[0])]
        sure = any(word in fact for word in engine | pure | COUNTED)
        assert sure or (any(row[2] for row in rows) and any(row[3] for row in rows)), fact


ROUTES = b"""Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010012AC 0003 0 0 0 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
"""


@pytest.mark.parametrize(
    ("line", "reach", "closed"),
    [
        ("Error: connect ECONNREFUSED 10.0.0.5:5432", (), True),
        ("Error: connect ECONNREFUSED 10.0.0.5:5432", ("10.0.0.0/24",), False),
        ("Error: connect ECONNREFUSED 10.0.0.5:5432", None, False),
        ("connection to 172.20.1.5, port 1, refused.", (), True),
        ("connection to 172.17.0.2 refused", (), False),  # a container inside
        ("connection to 203.0.113.5 refused", (), False),
        ("refused by 10.0.0.5.6 and 300.0.0.1", (), False),
    ],
)
def test_a_private_address_that_certify_closes(
    line: str, reach: tuple[str, ...] | None, closed: bool
) -> None:
    shell = SimpleNamespace(run=lambda _command: SimpleNamespace(stdout=ROUTES))
    container = SimpleNamespace(shell=lambda: shell, engine=SimpleNamespace(byte_order="<"))
    candidate = SimpleNamespace(container=container, job=SimpleNamespace(reach=reach))
    facts = Facts(cast(Candidate, candidate), "")
    assert facts("certify closes the private address", line) is closed
    assert facts("certify leaves open the private address", line) is not closed
