"""``certify reproduce IMAGE``: the command that starts an image as certify did."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

from certify.cli.completion import completes, recorded_images
from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE
from certify.cli.output import format_option, inform, print_json
from certify.cli.storage import Storage, storage_options
from certify.engine.launch_plan import seccomp_path
from certify.engine.reproduce import REPRO_NAME, commands_of
from certify.model.errors import UsageError
from certify.model.reference import Reference
from certify.util.files import write_atomically
from certify.util.text import one_line, printable

SCHEMA = "certify/reproduce/v1"
_PROGRAMS = ("docker", "podman")
_SECCOMP = "--security-opt=seccomp="


@click.command()
@click.argument("image", shell_complete=completes(recorded_images))
@click.option("--profile", metavar="NAME", help="Start it as for this profile.")
@click.option("--run", "start", is_flag=True, help="Start it, and open a shell in it.")
@format_option(SCHEMA)
@storage_options
def reproduce(
    *, image: str, profile: str | None, start: bool, output_format: str, storage: Storage
) -> None:
    """Print or run the commands that start an image as certify did.

    The seccomp profile of the launch is written beside the reports. The container is called
    certify-repro; it stays until the same commands, or `docker rm -fv`, remove it.

    \b
    Examples:
      certify reproduce debian:12
      certify reproduce --run debian:12
    """
    reference = Reference.parse(image).familiar
    with storage.open_ledger(create=False) as ledger:
        results = [each for each in ledger.history(reference) if each.launch.reproduce]
    found = [each for each in results if profile in (None, each.profile)]
    if not found:
        raise UsageError(
            f"No launch of {reference} is recorded" + (f" for {profile}." if profile else "."),
            remedy="`certify matrix` lists the recorded images.",
        )
    launch, *service = commands_of(found[0].launch)  # the last recorded
    launch = with_seccomp_file(launch, storage.reports)
    program, verb, *_ = [*launch, ""]
    commands = [[program, "rm", "-fv", REPRO_NAME], launch, *service]
    if verb == "run":
        commands.append([program, "exec", "-it", REPRO_NAME, "sh"])
    if start:
        if program not in _PROGRAMS or verb != "run":
            raise UsageError(
                f"The last result of {reference} holds no launch, but: {one_line(launch[0], 60)} …",
                remedy="Certify it again.",
            )
        sys.exit(_run(commands))
    if output_format == "json":
        print_json(SCHEMA, {"reference": reference, "commands": commands})
    else:
        for command in commands:
            click.echo(printable(shlex.join(command)))


def with_seccomp_file(words: list[str], reports: Path) -> list[str]:
    """Return the words of a recorded command, with the seccomp profile as a file in ``reports``."""
    words = list(words)
    for index, word in enumerate(words):
        if word.startswith(_SECCOMP) and word.endswith(".json"):
            target = reports / "seccomp.json"
            write_atomically(target, seccomp_path().read_text("utf-8"))
            words[index] = f"{_SECCOMP}{target}"
    return words


def _run(commands: list[list[str]]) -> int:
    """Remove the container, start it, open a shell in it; return certify's exit code."""
    remove, *launch, shell = commands
    subprocess.run(remove, check=False, capture_output=True)
    if any(subprocess.run(each, check=False).returncode for each in launch):
        return INCONCLUSIVE
    inspect = [shell[0], "inspect", "--format={{.State.Running}}", REPRO_NAME]
    if b"false" in subprocess.run(inspect, check=False, capture_output=True).stdout:
        inform(f"{REPRO_NAME} has ended; `{shell[0]} logs {REPRO_NAME}` shows what it printed")
        return INCONCLUSIVE
    if not sys.stdin.isatty():
        shell = [word.replace("-it", "-i") for word in shell]
    subprocess.run(shell, check=False)  # how people leave a shell means nothing
    return CERTIFIED
