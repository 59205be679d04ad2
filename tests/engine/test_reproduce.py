"""The line that reproduces a launch, to be pasted into a shell."""

from __future__ import annotations

import secrets
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from certify.engine import packages
from certify.engine.apparmor import profile_name
from certify.engine.client import Engine
from certify.engine.launch_plan import (
    STOP_SIGNAL,
    LaunchPlan,
    Limits,
    host_config,
    seccomp_path,
)
from certify.engine.reproduce import reproduce_command
from tests.conftest import SAMPLES
from tests.engine.test_launch_plan import VOLUMES, any_shell, complaints
from tests.support.waiting import eventually

PLANS = {
    "idle": LaunchPlan("idle", "default"),
    "image": LaunchPlan("image", "default"),
    "caps": LaunchPlan("init", "caps"),
    "apparmor": LaunchPlan("init", "caps", apparmor=True),
    "confined": LaunchPlan("init", "apparmor", apparmor=True),
    "privileged": LaunchPlan("init", "privileged"),
    "sysbox": LaunchPlan("init", "sysbox"),
    "limits": LaunchPlan("init", "caps", network="a b", limits=Limits("512m", 0.5, 99)),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_line_is_one_line_of_words(plan: LaunchPlan) -> None:
    line = reproduce_command(
        plan, "team/app:1", platform="linux/amd64", install="apt-get install 'a b'"
    )
    words = shlex.split(line)
    assert "\n" not in line
    assert shlex.join(words) == line
    # What is started as shipped has nothing more to read than it would have without certify.
    detached = "-d" if plan.kind == "image" else "-di"
    assert words[:5] == ["docker", "run", detached, "--name", "certify-repro"]
    assert words[words.index("--platform") + 1] == "linux/amd64"
    options, rest = words[: words.index("team/app:1")], words[words.index("team/app:1") + 1 :]
    assert f"--memory={plan.limits.memory}" in options
    assert f"--memory-swap={plan.limits.memory}" in options, "or there is twice as much"
    assert f"--pids-limit={plan.limits.pids}" in options
    assert ("--network=a b" in options) == (plan.network is not None)
    assert ("--cpus=0.5" in options) == (plan.limits.cpus is not None)
    assert ("--privileged" in options) == (plan.isolation == "privileged")
    if plan.kind != "init":
        assert rest == []
        return
    assert rest[0] == "-c"
    assert rest[1].startswith("apt-get install 'a b'; ")
    assert f"--stop-signal={STOP_SIGNAL}" in options


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_line_asks_for_the_rights_of_the_launch(plan: LaunchPlan) -> None:
    words = shlex.split(reproduce_command(plan, "app", platform=None))
    given = host_config(plan, cpus=2, volumes=VOLUMES, notify=None)
    caps = [word.removeprefix("--cap-add=") for word in words if word.startswith("--cap-add=")]
    assert sorted(caps) == sorted(given.get("cap_add", ()))
    assert ("--cgroupns=private" in words) == ("cgroupns" in given)
    lifted = plan.apparmor and plan.isolation != "apparmor"
    assert ("--security-opt=apparmor=unconfined" in words) == lifted
    assert (f"--security-opt=apparmor={profile_name()}" in words) == (plan.isolation == "apparmor")
    assert (f"--security-opt=seccomp={seccomp_path()}" in words) == ("security_opt" in given)
    assert ("--runtime=sysbox-runc" in words) == ("runtime" in given)
    volumes = [word.removeprefix("--volume=") for word in words if word.startswith("--volume=")]
    assert volumes == [bind.partition(":")[2] for bind in given.get("binds", ())]
    # certify starts its own shell as root, whatever user the image names.
    assert ("--user=0:0" in words) == (plan.kind != "image")
    assert ("--no-healthcheck" in words) == (plan.kind != "image")


@any_shell
@pytest.mark.parametrize("isolation", ["caps", "privileged", "sysbox"])
def test_the_program_in_the_line_is_valid_in_every_shell(shell: list[str], isolation: str) -> None:
    install = packages.family("dnf").install_command(("systemd", "dockerd"))
    line = reproduce_command(LaunchPlan("init", isolation), "app", platform=None, install=install)
    inner = shlex.split(line)[-1]
    for text in (line, inner):
        assert complaints(shell, text) == (0, b"")
    assert inner.index("install") < inner.index("exec ")


@pytest.fixture
def pasted(engine: Engine) -> Iterator[str]:
    """A name for a container of this test, which is removed at its end."""
    name = f"certify-test-{secrets.token_hex(6)}"
    yield name
    engine.client.api.remove_container(name, v=True, force=True)


def paste(line: str, name: str) -> None:
    assert line.count("certify-repro") == 1
    line = line.replace("certify-repro", name)
    ran = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr


def execute(engine: Engine, name: str, *argv: str) -> tuple[int, str]:
    code, output = engine.client.containers.get(name).exec_run(list(argv))
    assert isinstance(code, int)
    assert isinstance(output, bytes)
    return code, output.decode()


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_the_pasted_line_of_an_idle_launch_runs(engine: Engine, pasted: str) -> None:
    paste(
        reproduce_command(LaunchPlan("idle", "default"), f"{SAMPLES}/busybox", platform=None),
        pasted,
    )
    code, said = execute(engine, pasted, "sh", "-c", "echo $$ && cat /proc/1/comm && id -u")
    assert (code, said.split()[1:]) == (0, ["sh", "0"])


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_an_image_without_an_init_stays_to_be_looked_into(engine: Engine, pasted: str) -> None:
    plan = LaunchPlan("init", engine.resolve_isolation().level, apparmor=engine.apparmor)
    paste(reproduce_command(plan, f"{SAMPLES}/busybox", platform=None), pasted)
    assert execute(engine, pasted, "cat", "/proc/1/comm") == (0, "sh\n")


@pytest.mark.engine
@pytest.mark.usefixtures("nothing_left")
def test_the_pasted_line_of_an_init_launch_boots_systemd(engine: Engine, pasted: str) -> None:
    isolation = engine.resolve_isolation().level
    plan = LaunchPlan("init", isolation, apparmor=engine.apparmor, limits=Limits("512m", 1.0))
    paste(reproduce_command(plan, f"{SAMPLES}/debian-systemd", platform=engine.platform), pasted)
    up = eventually(
        lambda: (
            execute(engine, pasted, "systemctl", "is-system-running", "--wait")[1].strip()
            in ("running", "degraded")
        )
    )
    assert up
    assert execute(engine, pasted, "cat", "/proc/1/comm") == (0, "systemd\n")
    begun = engine.client.api.inspect_container(pasted)["HostConfig"]
    assert begun["Memory"] == begun["MemorySwap"] == 512 * 1024**2
    assert begun["Privileged"] is False
