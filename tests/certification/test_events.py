"""Progress events: some display shows each of them, and none waits for anything else."""

from __future__ import annotations

from certify.certification.events import Events
from certify.cli.progress import RunProgress
from certify.cli.sweep_progress import _Row


def methods(kind: type) -> set[str]:
    return {name for name, each in vars(kind).items() if callable(each) and name[0] != "_"}


def test_each_event_is_shown_and_no_display_waits_for_another() -> None:
    assert methods(RunProgress) | methods(_Row) == methods(Events)
