"""``certify doctor``: can this host certify at all?

Exit codes: 0 it can, 3 it cannot before something is mended.
"""

from __future__ import annotations

import re
import sys
from contextlib import closing

import click
from rich.console import Console

from certify.cli.certification import Memory
from certify.cli.exits import CERTIFIED, INCONCLUSIVE
from certify.doctor.examine import Scope, examine
from certify.doctor.render import conclusion, examination_json, print_sign
from certify.doctor.signs import can_certify
from certify.engine.launch_plan import Limits
from certify.model.examination import Sign
from certify.util.signals import interruptible


class Address(click.ParamType[tuple[str, int]]):
    """HOST[:PORT]; the port of HTTPS is the default."""

    name = "host[:port]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Check the form; whether anybody is there, the containers find out."""
        label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        found = re.fullmatch(rf"({label}(?:\.{label})*)(?::([0-9]{{1,5}}))?", str(value))
        if not found or len(found[1]) > 230 or not 1 <= int(found[4] or 443) <= 65535:
            self.fail(f"{value!r} is not HOST[:PORT], such as registry.example:5000", param, ctx)
        return found[1], int(found[4] or 443)


@click.command()
@click.option(
    "--registry", type=Address(), default="registry-1.docker.io", show_default=True,
    metavar="HOST[:PORT]", help="Whether containers can reach it.",
)  # fmt: skip
@click.option("--memory", type=Memory(), default="4g", show_default=True, help="As for run.")
@click.option("--network", metavar="NAME", help="Network of the engine to try.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True,
    help="What to print on standard output.",
)  # fmt: skip
def doctor(registry: tuple[str, int], memory: str, network: str | None, form: str) -> None:
    """Tell whether this host can certify, and what to do if it cannot.

    Looks at the engine and its host, and tries with containers of certify's own, which are
    removed again: every way of launching, the network, other architectures.

    \b
    Examples:
      certify doctor
      certify doctor --registry registry.example:5000 --format json
    """
    scope = Scope(*registry, network=network, limits=Limits(memory=memory))
    console = Console(highlight=False)
    signs: list[Sign] = []
    with interruptible(), closing(examine(scope)) as found:
        for sign in found:
            signs.append(sign)
            if form == "text":
                print_sign(sign, console)
    fit = can_certify(signs)
    if form == "json":
        sys.stdout.write(examination_json(signs))
    else:
        console.print(f"\n{conclusion(signs, fit=fit)}")
    sys.exit(CERTIFIED if fit else INCONCLUSIVE)
