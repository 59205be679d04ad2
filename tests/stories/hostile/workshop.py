"""Images that mean harm: built from a good sample, certified, and looked at from outside.

The images are data, in ``hostile.toml`` beside this module; its head explains the format.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import socket
import subprocess
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jsonschema
from pydantic import Field

from certify.engine.client import Engine
from certify.model.value import Value
from scripts.json_schema import json_schema
from tests.conftest import SAMPLES
from tests.stories.faults.scene import Scene, told
from tests.support.memory import measured, peak
from tests.support.misbehaving import Reply, serving
from tests.support.package_server import bridge

REPOSITORY, LABEL = "certify-hostile", "certify.hostile"
OPEN = "the host and private addresses are open"
"""What a result says where certify may write no rules of the firewall."""
IN_TIME = 300.0
"""Seconds after which an image has held certify up."""
MEMORY = 250
"""MiB that certify's largest process may take at most."""
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SYSCTLS = (
    "kernel/core_pattern", "kernel/modprobe", "kernel/hostname", "kernel/panic", "kernel/sysrq",
    "kernel/kexec_load_disabled", "vm/swappiness", "net/ipv4/ip_forward", "fs/suid_dumpable",
)  # fmt: skip
_WRAPPED = """\
#!/bin/dash
if [ ! -e /dev/shm/ran ]; then
  : >/dev/shm/ran
  /bin/dash /attack </dev/null >/dev/null 2>&1 &
fi
exec /bin/dash "$@"
"""


class Hostile(Value):
    """An image that means harm."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    dockerfile: str = ""
    attack: str = ""
    shell: str = ""
    base: str = "debian"
    profile: str = "./calm.toml"
    options: tuple[str, ...] = ()
    expects: str = "certified"

    def text(self, base: str, aims: Mapping[str, str]) -> str:
        """Return the Dockerfile, upon an image, for an attack on some aims, by their names."""
        lines = self.dockerfile.strip()
        lines = lines.replace("@labels", f'LABEL harm="{"x" * 60_000}" \\\n' + " \\\n".join(
            f'harm{number}="{"y" * 60_000}"' for number in range(16)
        ))  # fmt: skip
        lines = lines.replace("@environment", f"ENV HARM={'z' * 50_000}\nENV ILL={'y' * 50_000}")
        parts = [f"FROM {base}", lines]
        if self.attack:
            attack = self.attack
            for name, aim in aims.items():
                attack = attack.replace(f"@{name}", aim)
            parts += [_file("/attack", attack), _file("/bin/harmsh", _WRAPPED)]
        elif self.shell:
            parts.append(_file("/bin/harmsh", f"#!/bin/dash\n{self.shell}\n"))
        if self.attack or self.shell:
            parts.append("RUN chmod 755 /bin/harmsh && mv /bin/harmsh /bin/sh")
        return "\n".join(parts) + "\n"


def _file(path: str, text: str) -> str:
    return f"RUN echo {base64.b64encode(text.encode()).decode()} | base64 -d >{path}"


@cache
def images() -> tuple[Hostile, ...]:
    """Return all of them, in the order of the file."""
    text = Path(__file__).with_name("hostile.toml").read_text("utf-8")
    return tuple(Hostile.model_validate(each) for each in tomllib.loads(text)["hostile"])


def build(engine: Engine, hostile: Hostile, aims: Mapping[str, str]) -> str:
    """Build the image, unless it is there and up to date; return its reference."""
    base = engine.client.images.get(f"{SAMPLES}/{hostile.base}")
    text = hostile.text(str(base.id), aims)
    wanted = hashlib.sha256(text.encode()).hexdigest()
    name = f"{REPOSITORY}/{hostile.name}:latest"
    if not engine.client.api.images(name, filters={"label": f"{LABEL}={wanted}"}):
        engine.client.images.build(
            fileobj=io.BytesIO(text.encode()), tag=name, labels={LABEL: wanted}, rm=True,
            forcerm=True,
        )  # fmt: skip
    return name


@dataclass
class Seen:
    """What was seen of an image."""

    told: str
    seconds: float
    memory: int
    """MiB that certify's largest process had at most."""
    wrong: list[str] = field(default_factory=list)


def host_state() -> dict[str, object]:
    """Return what an image must not change, as the host itself sees it."""
    state: dict[str, object] = {
        name: (Path("/proc/sys") / name).read_text() for name in _SYSCTLS
        if (Path("/proc/sys") / name).exists()
    }  # fmt: skip
    state["clock"] = round((time.time() - time.monotonic()) / 60)
    state["devices"] = {path for path in Path("/dev").iterdir() if not path.match("loop*")}
    for name in ("modules", "swaps"):
        listed = Path("/proc") / name
        state[name] = listed.exists() and {
            row.split()[0] for row in listed.read_text().splitlines()
        }
    return state


def certify(engine: Engine, hostile: Hostile, folder: Path) -> Seen:
    """Certify an image, and look at the reports, the host, and what is left."""
    heard: list[str] = []
    scene = Scene(folder, engine)
    scene.add_checks("image.passwords", "image.identity", "image.support", "workspace.user")
    with aims_of(engine, hostile, heard) as aims:
        image = build(engine, hostile, aims)
        words = ["--profile", hostile.profile, "--pull", "never", "--format", "json"]
        words += ["--checks", "checks"] if hostile.profile.endswith(".toml") else []
        before, begun = host_state(), time.monotonic()
        line = scene.words("run", *words, *hostile.options, image)
        scene.start(measured(line, folder / "memory"))
        scene.until(scene.owners_below)
        ended = scene.ended()
        seconds = time.monotonic() - begun
    seen = Seen(told(ended), seconds, peak(folder / "memory"))
    if not re.match(hostile.expects, seen.told):
        seen.wrong.append(f"told {seen.told!r}, not {hostile.expects!r}")
    if "Traceback" in ended.err:
        seen.wrong.append(f"a traceback: {ended.err[-500:]}")
    if seconds > IN_TIME:
        seen.wrong.append(f"took {seconds:.0f} s")
    if seen.memory > MEMORY:
        seen.wrong.append(f"took {seen.memory} MiB")
    if heard and OPEN not in ended.out:
        seen.wrong.append(f"reached a service that is not for it: {heard}")
    after = host_state()
    changed = [name for name, value in after.items() if value != before.get(name)]
    seen.wrong += [f"the host's {name} changed" for name in changed]
    if scene.seconds_until_nothing_is_left() is None:
        seen.wrong.append(f"left: {scene.left()}")
    seen.wrong += malformed(folder / "reports", ended.out, ended.err)
    return seen


@contextmanager
def aims_of(engine: Engine, hostile: Hostile, heard: list[str]) -> Iterator[dict[str, str]]:
    """Yield what an attack aims at, by name; what reaches it is in ``heard`` at the end."""

    def answer(_method: str, path: str) -> Reply:
        heard.append(path)
        return Reply(200, b"{}")

    if "@neighbour" in hostile.attack:
        words = ["httpd", "-f", "-vv", "-p", "80"]
        neighbour = engine.client.containers.run(f"{SAMPLES}/busybox", words, detach=True)
        try:
            neighbour.reload()
            networks = neighbour.attrs["NetworkSettings"]["Networks"]
            yield {"neighbour": networks["bridge"]["IPAddress"]}
            heard += neighbour.logs().decode("utf-8", "replace").splitlines()
        finally:
            neighbour.remove(force=True, v=True)
    elif "@port" in hostile.attack:
        host = bridge(engine.client) if "@host" in hostile.attack else "127.0.0.1"
        with serving(answer, at=socket.create_server((host, 0))) as port:
            yield {"host": host, "port": str(port)}
    else:
        yield {}


def malformed(reports: Path, out: str, err: str) -> list[str]:
    """Return what of a run's outputs is not well-formed, or could act on who reads it."""
    found = [name for name, text in (("output", out), ("progress", err)) if _UNSAFE.search(text)]
    jsonschema.validate(json.loads(out), json_schema("report.v1.json"))
    ET.parse(reports / "junit.xml")
    for path in reports.rglob("*"):
        if path.suffix in (".json", ".md", ".html", ".xml", ".csv", ".svg"):
            text = path.read_text("utf-8")
            shown = path.suffix in (".md", ".html", ".svg")
            if _UNSAFE.search(text) or (shown and re.search("<script>harm|<img src=x", text)):
                found.append(str(path.relative_to(reports)))
    return [f"unsafe characters in {each}" for each in found]


def remove(engine: Engine) -> None:
    """Remove the images that were built."""
    listed = engine.client.api.images(filters={"label": LABEL})
    for each in listed:
        subprocess.run(["docker", "rmi", "--force", each["Id"]], check=False, capture_output=True)
