"""The launch of a candidate as a result holds it, with a command line that does the same again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from certify.engine import packages
from certify.engine.apparmor import profile_name
from certify.engine.isolation import SYSBOX_RUNTIME, Isolation
from certify.engine.launch_plan import (
    EXEC_INIT,
    STOP_SIGNAL,
    STORAGE,
    WRITABLE_CGROUPS,
    LaunchPlan,
    seccomp_path,
)
from certify.engine.own_network import is_own
from certify.model.result import Launch

REPRO_NAME = "certify-repro"
"""Name of the container that the command to reproduce a launch starts."""
_UNTIL_UP = " && until "
"""What separates the launch of a base from the rest of the command line for a service."""


def describe_launch(
    plan: LaunchPlan, image: str, platform: str | None, missing: Sequence[str], manager: str | None
) -> Launch:
    """Return the launch for a result; a package ``manager`` installed the ``missing`` ones."""
    install = ""
    if missing and manager in {family.name for family in packages.families()}:
        install = packages.family(manager).install_command(missing)
    return Launch(
        kind=plan.kind,
        isolation=str(Isolation(plan.isolation, plan.runtime)),
        command=plan.argv,
        missing=tuple(missing),
        unconfined=plan.unconfined,
        reproduce=reproduce_command(plan, image, platform=platform, install=install),
    )


def beside(base: Launch, image: str, names: Sequence[str], program: str = "docker") -> Launch:
    """Return the launch of a service in a base image, whose own launch is given.

    ``names`` are the variables that it is given, whose values come from the shell of whoever
    reproduces it: they may be passwords. ``program`` is the command line of the host's engine.
    """
    env = "".join(f"--env={shlex.quote(name)} " for name in names)
    enter, docker, quoted = f"{program} exec", f"{REPRO_NAME} docker", shlex.quote(image)
    # An image by its digest has no name where it is loaded, so it is started as what `load` prints.
    loaded = f"{program} save {quoted} | {enter} -i {docker} load -q | sed 's/.*: //'"
    steps = (
        f"{base.reproduce}{_UNTIL_UP}{enter} {docker} info >/dev/null 2>&1; do sleep 1; done",
        f"{{ {program} image inspect {quoted} >/dev/null 2>&1 || {program} pull {quoted}; }}",
        f"image=$({loaded})",
        f"{enter} {env}{docker} run -d {env}$image",
    )
    return base.model_copy(update={"kind": "nested", "reproduce": " && ".join(steps)})


def commands_of(launch: Launch) -> list[list[str]]:
    """Return the words of the command that starts an image; for a service, then what starts it."""
    if launch.kind != "nested":
        return [shlex.split(launch.reproduce)]
    base, _, service = launch.reproduce.rpartition(_UNTIL_UP)
    return [shlex.split(base), ["sh", "-c", f"until {service}"]]


def reproduce_command(
    plan: LaunchPlan, image: str, *, platform: str | None, install: str = ""
) -> str:
    """Return a command line to paste into a shell, which starts the image as certify did.

    ``install`` is the shell command that installs missing capabilities, if any. The container
    stays until it is removed with ``docker rm -fv certify-repro``.
    """
    # An image's own command gets no standard input, as it would get none without certify.
    mode = "-d" if plan.kind == "image" else "-di"
    words = [plan.dialect.name, "run", mode, "--name", REPRO_NAME]
    if platform:
        words += ["--platform", platform]
    limits = plan.limits
    # Without --memory-swap the engine's command line adds as much swap again.
    words += [f"--memory={limits.memory}", f"--memory-swap={limits.memory}"]
    words += [f"--pids-limit={limits.pids}", "--init=false"]
    if limits.cpus:
        words.append(f"--cpus={limits.cpus:g}")
    if plan.network and not is_own(plan.network):
        words.append(f"--network={plan.network}")
    if runtime := SYSBOX_RUNTIME if plan.isolation == "sysbox" else plan.runtime:
        words.append(f"--runtime={runtime}")
    if plan.host_users:
        words.append("--userns=host")
    if plan.kind == "image":
        return shlex.join([*words, image])
    words += ["--user=0:0", "--no-healthcheck"]
    if plan.kind == "idle":
        return shlex.join([*words, "--entrypoint=/bin/sh", image])
    if plan.isolation == "privileged":
        words += ["--privileged", "--cgroupns=private"]
    elif plan.isolation != "sysbox":
        dialect = plan.dialect
        words += [f"--cap-add={each}" for each in (*plan.capabilities, *dialect.capabilities)]
        words += [*(f"--device={each}" for each in dialect.devices), "--cgroupns=private"]
        words.append(f"--security-opt=seccomp={seccomp_path()}")
        if plan.writable_cgroups:
            words.append(f"--security-opt={WRITABLE_CGROUPS}")
        if plan.apparmor:
            profile = profile_name() if plan.isolation == "apparmor" else "unconfined"
            words.append(f"--security-opt=apparmor={profile}")
    words += [f"--stop-signal={STOP_SIGNAL}", "--tmpfs=/run:exec", "--tmpfs=/run/lock"]
    words += [*(f"--volume={folder}" for folder in STORAGE), "--entrypoint=/bin/sh"]
    # Without an init, its standard input keeps the shell, to look into the container.
    steps = [install, fold_script(plan.prepare), fold_script(EXEC_INIT), "exec /bin/sh"]
    return shlex.join([*words, image, "-c", "; ".join(step for step in steps if step)])


def fold_script(script: str) -> str:
    """Fold a short shell script into one line."""
    lines = [line.strip() for line in script.strip().splitlines()]
    return "".join(
        line + (" " if line.endswith(("do", "then")) or line.endswith(";") else "; ")
        for line in lines
    ).removesuffix("; ")
