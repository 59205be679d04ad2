"""The command ``certify``: ``certify IMAGE`` is ``certify run IMAGE``.

Errors that certify knows are printed in one line each and end with exit 2 (usage,
configuration) or 3 (nothing could be answered); an interruption ends with 130. What nobody foresaw
ends with 3, too, and tells where.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
from click_default_group import DefaultGroup

from certify import __version__
from certify.cli.exits import INCONCLUSIVE, INTERRUPTED, USAGE
from certify.cli.lazy import Commands
from certify.cli.workflow import harmless
from certify.model.errors import CertifyError, UsageError
from certify.util.text import printable

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
    """A group that ends with a message and an exit code that means what it says."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; its help is printed here, too."""
        with _ending_well():
            return cast("click.Context", super().make_context(*args, **kwargs))

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        with _ending_well():
            return super().invoke(ctx)


@contextlib.contextmanager
def _ending_well() -> Iterator[None]:
    """Turns what ends a command into a message and an exit code: never 1, which means rejected."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 still gets an answer
            stream.reconfigure(errors="replace")
    with harmless():
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit):
            raise
        except SystemExit as end:  # rich ends with 1 where nobody listens any more
            if isinstance(end.__context__, BrokenPipeError):
                sys.exit(INCONCLUSIVE)
            raise
        except CertifyError as error:
            click.echo(f"certify: {printable(error.message)}", err=True)
            if error.remedy:
                click.echo(f"  {printable(error.remedy)}", err=True)
            sys.exit(USAGE if isinstance(error, UsageError) else INCONCLUSIVE)
        except (KeyboardInterrupt, click.Abort):
            click.echo("certify: interrupted; everything was cleaned up", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            _tell(error)
            sys.exit(INCONCLUSIVE)
        except Exception:
            traceback.print_exc()
            sys.exit(INCONCLUSIVE)


def _tell(error: OSError) -> None:
    """What the system refused; nothing where just nobody listens any more."""
    why = printable(error.strerror or str(error))
    with contextlib.suppress(OSError):  # it may be standard error
        if error.filename is not None:
            click.echo(f"certify: {printable(str(error.filename))}: {why}", err=True)
            click.echo("  See that it may be read and written, and has room.", err=True)
        elif not isinstance(error, BrokenPipeError):
            click.echo(f"certify: input or output failed: {why}", err=True)
    # Python itself would try to write the rest when it ends, and say so.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


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
