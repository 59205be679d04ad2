"""``make soak``: certify one image again and again in one process, and see what grows.

    python -m tests.stories.soak [TIMES [AT_ONCE [SAMPLE [PROFILE]]]]

By default busybox under a profile without a package source, 100 times in a row and 8 at once. Exit
code 1 if verdicts differ, anything is left on the engine, or what certify holds keeps growing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from certify.certification.certify import Certification
from certify.certification.options import Options
from certify.engine.client import Engine
from certify.judge.profiles import Profile, load
from certify.model.reference import Reference
from tests.conftest import SAMPLES, leftovers
from tests.stories.elsewhere import described

TRIVIAL = Profile(
    name="trivial",
    title="An image with a shell",
    description="What takes no package source.",
    source="tests/stories/soak.py",
    launch="idle",
    required=("image.os", "image.shell"),
)
SETTLED = 0.2
"""The part of all runs after which caches are full, and nothing may grow any more."""
_SLACK = {"memory": 8.0, "descriptors": 8, "threads": 8, "processes": 0, "left": 0}


def held(engine: Engine) -> dict[str, float]:
    """Return what this process holds, and what it left on the engine."""
    status = Path("/proc/self/status").read_text()
    numbers = dict(line.split(":", 1) for line in status.splitlines())
    below = [
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return {
        "memory": round(int(numbers["VmRSS"].split()[0]) / 1024, 1),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "processes": len(below),
        "left": len(leftovers(engine)),
    }


def soak(engine: Engine, image: str, profile: Profile, times: int, at_once: int) -> bool:
    """Certify so many times, print what is held now and then, and return True if all is flat."""
    verdicts: Counter[str] = Counter()

    def once(_number: int) -> None:
        options = Options(pull="never")
        (result,) = Certification(engine, Reference.parse(image), options).run([profile])
        grade = result.verdict.grade
        verdicts[f"{result.verdict.status.value} {grade.value if grade else ''}".strip()] += 1

    click.echo(f"\n{image}, {profile.name}, {times} times, {at_once} at once\n")
    click.echo("| certified | " + " | ".join(_SLACK) + " | seconds |")
    click.echo("| --- |" + " --- |" * (len(_SLACK) + 1))
    begun, settled, last = time.monotonic(), dict[str, float](), dict[str, float]()
    step = max(at_once, times // 10)
    with ThreadPoolExecutor(at_once) as pool:
        for done in range(0, times, step):
            list(pool.map(once, range(min(step, times - done))))
            last = held(engine)
            if not settled and done + step >= SETTLED * times:
                settled = last
            cells = " | ".join(f"{last[name]:g}" for name in _SLACK)
            passed = time.monotonic() - begun
            click.echo(f"| {min(done + step, times)} | {cells} | {passed:.0f} |")
    grew = [name for name, slack in _SLACK.items() if last[name] > settled[name] + slack]
    click.echo(f"\nverdicts: {dict(verdicts)}; grew: {', '.join(grew) or 'nothing'}")
    return len(verdicts) == 1 and not grew and not last["left"]


def main(times: str = "100", at_once: str = "", sample: str = "busybox", name: str = "") -> int:
    """Certify in a row and at once, or only as the arguments say."""
    profile = load(name) if name else TRIVIAL
    with Engine.connect() as engine:
        click.echo(described(engine.host()))
        many = [int(at_once)] if at_once else [1, 8]
        flat = [soak(engine, f"{SAMPLES}/{sample}", profile, int(times), each) for each in many]
    return 0 if all(flat) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
