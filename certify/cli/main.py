"""The command ``certify``: ``certify IMAGE`` is ``certify run IMAGE``.

Known errors are printed in one line each and end with exit code 2 (usage, configuration) or 3
(trouble with the host, registry or ledger); unexpected ones end with a traceback and 3, an
interrupt with 130.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections import UserDict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
from click.shell_completion import CompletionItem
from click_default_group import DefaultGroup

import certify
from certify.cli.defaults import default_map
from certify.cli.exit_codes import INCONCLUSIVE, INTERRUPTED, USAGE
from certify.cli.github_workflow import escape_commands
from certify.cli.help_formatter import HelpFormatter
from certify.cli.output import folded, inform
from certify.cli.spelling import images_among, require_image
from certify.model.errors import CertifyError, UsageError
from certify.util.text import printable


class Commands(UserDict[str, click.Command]):
    """Commands by name, from ``{name: summary}``: each is the function of its name in its module.

    It is imported when it is first used; a list of all takes the summaries alone.
    """

    def __init__(self, summaries: Mapping[str, str]) -> None:
        self.summaries = summaries
        self._to_import = set(summaries)
        super().__init__({name: click.Command(name, help=summaries[name]) for name in summaries})

    def __getitem__(self, name: str) -> click.Command:
        """Return the command, importing it if necessary."""
        if name in self._to_import:
            self._to_import.remove(name)
            self.data[name] = getattr(import_module(f"certify.cli.{name}"), name)
        return self.data[name]


click.Context.formatter_class = HelpFormatter
COMMANDS = Commands(
    {
        "run": "Certify images on this host's container engine.",
        "sweep": "Certify all images of a list, skipping what is unchanged.",
        "fix": "Print a Dockerfile that fixes an image.",
        "matrix": "Show every recorded image with its verdict, from the ledger.",
        "report": "Update the files under reports/ from the ledger.",
        "history": "Show all results of one image, run by run, with boot times.",
        "diff": "Show what the last sweep changed, or what is new in an image.",
        "suggest": "Name certified images that fit your needs, smallest first.",
        "ledger": "Copy ledgers, and make one of many.",
        "publish": "Publish the list of approved images, and policies for it.",
        "verify": "Report whether images are approved, now, by their digests.",
        "revoke": "Revoke an image: no sweep brings it back onto the list.",
        "forget": "Take images out of the ledger.",
        "prune": "Remove old results from the ledger, never what stands.",
        "keys": "Make and show keys for signing.",
        "schedule": "Print a ready schedule for nightly sweeps.",
        "checks": "List the checks, or explain one and its remedy.",
        "profiles": "List the profiles, or show the requirements of one.",
        "doctor": "Report whether this host can certify images.",
        "clean": "Remove what crashed runs left on the container engine.",
        "reproduce": "Print or run the commands that start an image as certify did.",
        "settings": "Show which settings hold, and where each is from.",
        "help": "Show the help of a command, or a page of the documentation.",
        "completion": "Print a script that completes certify's command lines.",
    }
)


PAGES = {
    "sweep": "sweeps",
    "fix": "fix",
    "report": "reports",
    "matrix": "site",
    "diff": "sweeps",
    "suggest": "site",
    "publish": "publish",
    "verify": "verify",
    "revoke": "publish",
    "keys": "signing",
    "schedule": "schedules",
    "checks": "checks",
    "profiles": "profiles",
    "doctor": "doctor",
    "clean": "reliability",
    "reproduce": "launching",
    "settings": "settings",
    **dict.fromkeys(("ledger", "history", "forget", "prune"), "ledger"),
}
"""The page about each command, for errors that have none of their own; others have the FAQ."""

WITHOUT_DEFAULTS = ("settings", "help", "completion")
"""Commands that work whatever is wrong with the settings."""

_ANOTHER_FILE = "Name a file in a folder that is there, and in which you may read and write."


def usages() -> dict[str, str]:
    """Return the short help of every command, by its usage, such as ``certify fix IMAGE``."""
    found = {}
    for name in COMMANDS:
        command = COMMANDS[name]
        pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
        usage = " ".join(["certify", name, *(each for each in pieces if each != "[OPTIONS]")])
        found[usage] = command.get_short_help_str(limit=200)
    return found


class Certify(DefaultGroup):  # type: ignore[misc]
    """A group of commands that turns every error into a message and an exit code."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line; click prints the help here, too."""
        with _errors_as_exit_codes():
            return cast("click.Context", super().make_context(*args, **kwargs))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command, its arguments, and set its defaults from files and variables.

        What is no command is ``run`` for images. Raises :class:`UsageError` if one of these is a
        command's name, or nearly so.
        """
        typed = not ctx.resilient_parsing  # which a shell's completion does
        implied = bool(args) and args[0] not in COMMANDS
        name, command, rest = super().resolve_command(ctx, args)
        if command and typed and implied:
            for word in images_among(command, rest):
                require_image(word, COMMANDS)
        if command and typed and command.name not in WITHOUT_DEFAULTS:
            ctx.default_map = {name: default_map(str(command.name), command, COMMANDS)}
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, none of which is imported for that."""
        listed = DefaultGroup(commands=COMMANDS.data, default=self.default_cmd_name)
        listed.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that a word may be; no command is imported for that."""
        found = [
            CompletionItem(name, help=COMMANDS.data[name].get_short_help_str())
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        with _errors_as_exit_codes(ctx):
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_as_exit_codes(ctx: click.Context | None = None) -> Iterator[None]:
    """Turn an exception into a message and an exit code, but never 1, which means rejected.

    Exit code 1 is what click has for all errors but wrong usage.
    """

    def page() -> str:
        return PAGES.get((ctx and ctx.invoked_subcommand) or "", "faq")

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the terminal's encoding may not be UTF-8
            stream.reconfigure(errors="replace")
    with escape_commands():
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except (click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):
            raise
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "certify"
            _report(error.format_message(), f"`{command} --help` shows what it takes.", page())
            sys.exit(USAGE)
        except click.ClickException as error:  # a file that click opens when it is first used
            _report(error.format_message(), _ANOTHER_FILE, page())
            sys.exit(INCONCLUSIVE)
        except SystemExit as end:  # rich exits with 1 if the reader of a pipe is gone
            if isinstance(end.__context__, BrokenPipeError):
                sys.exit(INCONCLUSIVE)
            raise
        except CertifyError as error:
            _report(error.message, error.remedy, error.page or page())
            sys.exit(USAGE if isinstance(error, UsageError) else INCONCLUSIVE)
        except (KeyboardInterrupt, click.Abort):
            inform("interrupted; everything was cleaned up")
            sys.exit(INTERRUPTED)
        except OSError as error:
            _report_os_error(error)
            sys.exit(INCONCLUSIVE)
        except Exception:
            import traceback  # noqa: PLC0415 - only who finds a defect needs it

            traceback.print_exc()
            sys.exit(INCONCLUSIVE)


def _report(message: str, remedy: str, page: str) -> None:
    """Print what happened and where; below it what to do, and the page to read."""
    inform(printable(message))
    more = f"More: `certify help {page}.md`." if f"{page}.md" not in remedy else ""
    if more and remedy and remedy[-1] not in ".!?…":
        remedy += "."
    if below := " ".join(filter(None, (remedy, more))):
        click.echo(folded(f"  {printable(below)}"), err=True)


def _report_os_error(error: OSError) -> None:
    """Print the message of the operating system, unless the reader of a pipe is just gone."""
    message = printable(error.strerror or str(error))
    with contextlib.suppress(OSError):  # standard error may be the file that failed
        if error.filename is not None:
            inform(f"{printable(str(error.filename))}: {message}")
            click.echo("  Check its permissions, and the free space on its disk.", err=True)
        elif not isinstance(error, BrokenPipeError):
            inform(f"input or output failed: {message}")
    # At its end Python would try to write the rest, and report the failure again.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"certify, version {certify.__version__}")
        ctx.exit()


@click.group(
    cls=Certify,
    commands=COMMANDS,
    default="run",
    default_if_no_args=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-V", "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
def main() -> None:
    """Certify that container images can carry a workspace.

    Does systemd boot as PID 1, does dockerd run in it, can packages be installed, how soon
    is it up, and can what is missing be installed at launch?

    \b
    Example:
      certify ubuntu:22.04
    """
