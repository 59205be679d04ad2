"""Ways to check one image, to be compared:

* ``floor``: the bare container operations, by ``docker`` and one ``docker exec`` per group,
  without any checks;
* ``certify``: ``certify run`` in a new process, with reports and ledger;
* ``plain``: the same checks as pytest functions with testinfra's own docker backend.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import Stopwatch
from certify.engine.launch_plan import (
    EXEC_INIT,
    STATE_FOLDER,
    STOP_SIGNAL,
    LaunchPlan,
    launch_script,
    seccomp_path,
)
from certify.engine.probe import programs
from certify.judge.profiles import load

HERE = Path(__file__).parent
NAME = "certify-benchmark"
IMAGE, ON_LAUNCH = "certify-sample/debian-devspace:latest", "certify-sample/debian:latest"


PREPARE = LaunchPlan("init", "caps").prepare


def start_command(image: str, script: str = PREPARE + EXEC_INIT) -> list[str]:
    """Return the command of the bare launch, with the same flags as certify's."""
    return [
        "docker", "run", "-d", "--name", NAME, "--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN",
        "--cgroupns=private", f"--security-opt=seccomp={seccomp_path()}",
        f"--stop-signal={STOP_SIGNAL}", "--tmpfs=/run:exec", "--tmpfs=/run/lock",
        "--volume=/var/lib/docker", f"--tmpfs={STATE_FOLDER}",
        "--entrypoint=/bin/sh", image, "-c", script,
    ]  # fmt: skip


WAIT = """
until [ -S /run/systemd/private ]; do :; done
systemctl is-system-running --wait >/dev/null || :
until docker version >/dev/null 2>&1; do sleep 0.05; done
"""
PACKAGES = """
apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ed &&
ed --version && apt-get purge -y ed && apt-get -s upgrade
"""
SYSTEMD = """
u=/run/systemd/system/bench.service
printf '[Service]\\nExecStart=/bin/sleep 1000\\nRestart=always\\nRestartSec=50ms\\n' >$u
systemctl daemon-reload; systemctl start bench
old=$(systemctl show -p MainPID --value bench); kill -9 "$old"
until n=$(systemctl show -p MainPID --value bench); [ "$n" != 0 ] && [ "$n" != "$old" ]; do :; done
systemctl stop bench; rm $u; systemctl daemon-reload
"""
USER = """
useradd --create-home --shell /bin/bash bench
echo 'bench ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/bench
bash -lc true; ! command -v git || { git init -q /tmp/g && git --version; }
"""


def docker_steps() -> str:
    """Return the script for nested containers: output, a port, a way out, compose, a restart."""
    # Not that of the network: an engine that has just made its bridge does not tell it.
    inspect = ["docker", "inspect", NAME, "-f", "{{.NetworkSettings.Networks.bridge.Gateway}}"]
    gateway = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()
    reach = programs.shell_printf(programs.image_archive(programs.connect("amd64", gateway, 9)))
    say = programs.shell_printf(programs.image_archive(programs.echo("amd64", b"hello")))
    serve = programs.shell_printf(programs.image_archive(programs.serve("amd64", 7770, b"hello")))
    compose = 'version: "3"\\nservices:\\n  p:\\n    image: s\\n    network_mode: none\\n'
    return f"""
{say} | docker import --change 'CMD ["/probe"]' - s
docker run --rm s
{serve} | docker import --change 'CMD ["/probe"]' - v
docker run -d --name v -p 127.0.0.1:7000:7770 v
curl -s --http0.9 http://127.0.0.1:7000/
docker rm -f v
{reach} | docker import --change 'CMD ["/probe"]' - r
docker run --rm r || [ $? = {programs.REFUSED} ]
mkdir -p /tmp/c && cd /tmp/c && printf '{compose}' >docker-compose.yml
docker-compose up; docker-compose down -v
systemctl restart docker
until docker version >/dev/null 2>&1; do sleep 0.05; done
docker run --rm s
"""


def execute(script: str, user: str = "root") -> None:
    subprocess.run(
        ["docker", "exec", "-u", user, NAME, "sh", "-c", script],
        check=True, capture_output=True,
    )  # fmt: skip


def floor_on_launch(image: str) -> None:
    """Install what the image lacks as certify's launch does, and run the bare operations."""
    floor(image, launch_script("init", load("devspace").install, PREPARE))


def floor(image: str, script: str = PREPARE + EXEC_INIT) -> None:
    """Run the bare operations one after another."""
    subprocess.run(start_command(image, script), check=True, capture_output=True)
    try:
        for step in (WAIT, PACKAGES, SYSTEMD, USER, docker_steps()):
            execute(step)
        execute("sudo -n id -u", user="bench")
        subprocess.run(["docker", "stop", NAME], check=True, capture_output=True)
        subprocess.run(["docker", "start", NAME], check=True, capture_output=True)
        execute(WAIT)
    finally:
        subprocess.run(["docker", "rm", "-fv", NAME], check=True, capture_output=True)


def certify(image: str, *words: str, code: int = 0) -> dict[str, Any]:
    """Run certify as people do, and return its result."""
    command = [sys.executable, "-P", "-m", "certify", "run", "--pull", "never", *words, image]
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [*command, "--reports", folder], check=False, capture_output=True, text=True
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        (written,) = Path(folder).glob("results/*.json")
        result: dict[str, Any] = json.loads(written.read_bytes())
    return result


def plain(image: str) -> None:
    """Run the same checks with plain pytest and testinfra."""
    environment = os.environ | {
        "BENCH_IMAGE": image, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(HERE.parent)
    }  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "testinfra.plugin",
         "-c", os.devnull, f"--rootdir={HERE}", str(HERE / "plain_suite.py")],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip


def turns(
    ways: Mapping[str, Callable[[str], object]], image: str, *, runs: int
) -> dict[str, list[Stopwatch]]:
    """Return what each way takes; they take turns, and the first turn warms up."""
    taken: dict[str, list[Stopwatch]] = {name: [] for name in ways}
    for turn in range(runs + (runs > 1)):
        for name, way in ways.items():
            with Stopwatch() as watch:
                way(image)
            taken[name] += [watch] if turn or runs == 1 else []
    return taken
