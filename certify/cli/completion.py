"""``certify completion SHELL``: completion of commands, options and names in a shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import BashComplete, get_completion_class

from certify.cli.output import format_option, print_json
from certify.model.errors import CertifyError

SCHEMA = "certify/completion/v1"


class _Bash(BashComplete):
    """Click's script for bash, for words with colons, such as references.

    bash takes what is behind a colon for a word of its own, so the words are read from the line,
    and what stands before the last colon is left out of the proposals.
    """

    source_template = (
        BashComplete.source_template.replace(
            """ COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD""",
            """ COMP_WORDS="$line''" COMP_CWORD=-1""",
        )
        .replace(
            "    local response\n",
            """\
    local line="${COMP_LINE:0:COMP_POINT}" response
    local current="${line##*[[:space:]]}"
    local before="${current%%"${current##*:}"}"
""",
        )
        .replace("COMPREPLY+=($value)", """COMPREPLY+=("${value#"$before"}")""")
    )


Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completes(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    """Return a completion for click, of the names that begin with what is typed."""

    def complete(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        return [name for name in names(ctx) if name.startswith(typed)]

    return complete


def recorded_images(ctx: click.Context) -> list[str]:
    """Return the references of the images in the ledger; none if there is no ledger to read."""
    from certify.ledger.store import Ledger  # noqa: PLC0415 - only completion needs the database

    reports = ctx.params.get("reports") or Path("reports")
    try:
        address = ctx.params.get("ledger") or str(Path(reports) / "certify.db")
        with Ledger.open(str(address), make=False) as ledger:
            return sorted({row.key.reference for row in ledger.matrix_rows()})
    except CertifyError:
        return []


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@format_option(SCHEMA)
@click.pass_context
def completion(ctx: click.Context, *, shell: str, output_format: str) -> None:
    """Print a script that completes certify's command lines.

    It completes commands, options, profiles, checks, and images of the ledger.

    \b
    Examples:
      certify completion bash >>~/.bashrc
      certify completion zsh >>~/.zshrc
      certify completion fish >~/.config/fish/completions/certify.fish
    """
    found = _Bash if shell == "bash" else get_completion_class(shell)
    assert found is not None
    script = found(ctx.find_root().command, {}, "certify", "_CERTIFY_COMPLETE").source()
    if output_format == "json":
        print_json(SCHEMA, {"shell": shell, "script": script})
    else:
        click.echo(script)
