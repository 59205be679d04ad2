"""``certify doctor``: can this host certify at all?

Exit codes: 0 it can, 3 it cannot until something is fixed.
"""

from __future__ import annotations

import sys
from contextlib import closing

import click
from rich.console import Console

from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE
from certify.cli.output import format_option
from certify.cli.parameters import address, size
from certify.doctor.examine import Scope, examine
from certify.doctor.render import conclusion, examination_json, print_sign
from certify.doctor.signs import can_certify
from certify.engine.apparmor import profile_text
from certify.engine.launch_plan import Limits
from certify.model.examination import Sign
from certify.util.signals import interruptible


@click.command()
@click.option(
    "--registry", type=address, default="registry-1.docker.io", show_default=True,
    metavar="HOST[:PORT]", help="Test if containers can reach this registry.",
)  # fmt: skip
@click.option(
    "--memory", type=size, default="4g", show_default=True, help="Memory limit, as for run."
)
@click.option("--network", metavar="NAME", help="Network of the engine to test.")
@click.option(
    "--apparmor",
    is_flag=True,
    help="Print the AppArmor profile for images that boot, for apparmor_parser(8), and exit.",
)
@format_option("certify/doctor/v1")
def doctor(
    *,
    registry: tuple[str, int],
    memory: str,
    network: str | None,
    apparmor: bool,
    output_format: str,
) -> None:
    """Report whether this host can certify images.

    Examines the engine and its host, and tests with containers of certify's own, which are
    removed again: every way of launching, the network, other architectures. Each problem
    comes with a remedy.

    \b
    Examples:
      certify doctor
      certify doctor --registry registry.example:5000 --format json
      certify doctor --apparmor | sudo apparmor_parser --replace
    """
    if apparmor:
        click.echo(profile_text(), nl=False)
        return
    scope = Scope(*registry, network=network, limits=Limits(memory=memory))
    console = Console(highlight=False)
    signs: list[Sign] = []
    with interruptible(), closing(examine(scope)) as found:
        for sign in found:
            signs.append(sign)
            if output_format == "text":
                print_sign(sign, console)
    fit = can_certify(signs)
    if output_format == "json":
        sys.stdout.write(examination_json(signs))
    else:
        console.print(f"\n{conclusion(signs, fit=fit)}")
    sys.exit(CERTIFIED if fit else INCONCLUSIVE)
