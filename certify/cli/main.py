"""The command ``certify``: ``certify IMAGE`` is ``certify run IMAGE``.

Errors that certify knows are printed in one line each and end with exit 2 (usage,
configuration) or 3 (nothing could be answered); an interruption ends with 130.
"""

from __future__ import annotations

import io
import sys

import click
from click_default_group import DefaultGroup

from certify import __version__
from certify.cli.exits import INCONCLUSIVE, INTERRUPTED, USAGE
from certify.cli.lazily import Commands
from certify.errors import CertifyError, UsageError
from certify.safetext import printable

COMMANDS = Commands(
    {
        "run": "certify.cli.run:run",
        "sweep": "certify.cli.sweep:sweep",
        "fix": "certify.cli.fix:fix_command",
        "matrix": "certify.cli.matrix:matrix",
        "report": "certify.cli.report:report",
        "history": "certify.cli.history:history",
        "diff": "certify.cli.history:diff",
        "publish": "certify.cli.publish:publish",
        "verify": "certify.cli.verify:verify",
        "revoke": "certify.cli.revoke:revoke",
        "keys": "certify.cli.keys:keys",
        "schedule": "certify.cli.schedule:schedule",
        "checks": "certify.cli.checks:checks",
        "profiles": "certify.cli.profiles:profiles",
        "doctor": "certify.cli.doctor:doctor",
        "clean": "certify.cli.clean:clean",
    }
)


class Certify(DefaultGroup):  # type: ignore[misc]
    """A group whose known errors end in one message, not in a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; turn certify's own errors into a message and an exit code."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(
                stream, io.TextIOWrapper
            ):  # a terminal without UTF-8 still gets an answer
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except CertifyError as error:
            click.echo(f"certify: {printable(error.message)}", err=True)
            if error.remedy:
                click.echo(f"  {printable(error.remedy)}", err=True)
            sys.exit(USAGE if isinstance(error, UsageError) else INCONCLUSIVE)
        except OSError as error:
            if error.filename is None:  # of a pipe or a socket: not of a file that was named
                raise
            name = printable(str(error.filename))
            click.echo(f"certify: {name}: {printable(error.strerror or str(error))}", err=True)
            click.echo("  See that it may be read and written, and has room.", err=True)
            sys.exit(INCONCLUSIVE)
        except KeyboardInterrupt:
            click.echo("certify: interrupted; everything was cleaned up", err=True)
            sys.exit(INTERRUPTED)


@click.group(
    cls=Certify, commands=COMMANDS, default="run", default_if_no_args=False, no_args_is_help=True
)
@click.version_option(__version__, prog_name="certify")
def main() -> None:
    """Certify that container images can carry a workspace.

    Does systemd boot as PID 1, does dockerd run in it, can packages be installed, how soon
    is it up, and can what is missing be installed at launch?

    \b
    Example:
      certify ubuntu:22.04
    """
