"""Whatever a command prints, references, paths and addresses in it can be selected whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from certify.judge.culprits import Comparison
from certify.ledger.changes import find_changes, sweep_entry
from certify.model.errors import Trouble
from certify.model.result import Result
from certify.model.terms import Status
from certify.publish.history import print_history
from certify.publish.inside import print_comparison
from certify.publish.text import NextSteps, print_report
from certify.sweep.plan import ResolvedImage, make_plan
from certify.sweep.render import print_changes, print_plan, print_summary
from tests.conftest import Certify, command
from tests.factories import NOON, a_result
from tests.support.terminals import on_terminal

NAME = f"registry.example/{'platform-team/' * 6}workspace-of-the-team:2026.11.29-nightly"
PAGE = f"reports/images/{NAME.replace('/', '_')}.html"


def result(status: Status = Status.REJECTED) -> Result:
    return a_result(image={"reference": NAME}, status=status)


ENTRY = sweep_entry(result())


def plan(console: Console) -> None:
    image = ResolvedImage(NAME, "plain", "linux/amd64", None, trouble=Trouble(f"{NAME} is gone"))
    print_plan(make_plan([image], [], now=NOON, host_class=""), console)


def summary(console: Console) -> None:
    print_summary([ENTRY], find_changes([], [ENTRY]), [result()], console)


def compared(console: Console) -> None:
    print_comparison(Comparison(result(Status.CERTIFIED), result(), None), console)


PRINTED: dict[str, tuple[Callable[[Console], None], Sequence[str]]] = {
    "run": (lambda c: print_report([result()], c, next_steps=lambda _: NextSteps(True, PAGE)),
            (f"\nReport: {PAGE}\n", f"\nFix:    certify fix {NAME}\n", f"\nREJECTED\n{NAME}\n")),
    "sweep --dry-run": (plan, (f"{NAME}\n            [plain]", f"{NAME}\n            is gone")),
    "sweep": (summary, (NAME,)),
    "diff": (lambda c: print_changes(find_changes([], [ENTRY]), c), (NAME,)),
    "diff IMAGE": (compared, (NAME,)),
    "history": (lambda c: print_history(NAME, [result()], c), (NAME,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_a_name_that_is_longer_than_a_line_stays_whole(name: str) -> None:
    show, whole = PRINTED[name]
    file = io.StringIO()
    show(Console(file=file, width=80))
    for text in whole:
        assert text in file.getvalue()


def test_settings_of_any_length_stay_whole(certify: Certify, tmp_path: Path) -> None:
    address = f"postgresql://db.example/{'certificates-' * 9}"
    (tmp_path / "certify.toml").write_text(f'memory = "1g"\n[run]\nledger = "{address}"\n')
    rows = certify("settings").out.splitlines()
    assert f"run.ledger         {address}  certify.toml:3" in rows
    assert len(next(row for row in rows if row.startswith("memory"))) < 80


def test_an_error_on_a_terminal_keeps_names_and_commands_whole(tmp_path: Path) -> None:
    missing = tmp_path / "/".join(["a-folder"] * 12) / "images.txt"
    shown = on_terminal([*command(), "sweep", str(missing)], tmp_path)
    text = shown.written.decode().replace("\r\n", "\n")
    assert f"{missing}:" in text
    assert "`certify help sweeps.md`" in text
