"""The public face of the suite: everything that a file of checks imports from certify.

Every pytest session on a machine that has certify imports this package, because its plugin is
part of it. So the names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certify.judge.diagnosis import diagnose
    from certify.judge.elf import other_machine
    from certify.judge.profile import Budgets
    from certify.judge.support import end_of_support
    from certify.model.terms import Level
    from certify.suite.candidate import Candidate
    from certify.suite.claims import (
        CheckUnknown,
        Note,
        blocked_by,
        check,
        not_applicable,
        proven,
        unknown,
    )  # fmt: skip
    from certify.suite.commands import PROBE_PORT
    from certify.suite.last_words import last_line
    from certify.suite.nested import Nested
    from certify.suite.package_commands import PackageCommands, Trial
    from certify.suite.ports import in_ranges
    from certify.suite.service import Service
    from certify.suite.supervisor import Process, ProgramState, Supervisor
    from certify.suite.units import Units

__all__ = [
    "PROBE_PORT", "Budgets", "Candidate", "CheckUnknown", "Level", "Nested", "Note",
    "PackageCommands", "Process", "ProgramState", "Service", "Supervisor", "Trial", "Units",
    "blocked_by", "check", "diagnose", "end_of_support", "in_ranges", "last_line", "not_applicable",
    "other_machine", "proven", "unknown",
]  # fmt: skip
_MODULES = {
    "certify.suite.claims": {
        "CheckUnknown", "Note", "blocked_by", "check", "not_applicable", "proven", "unknown",
    },
    "certify.suite.candidate": {"Candidate"},
    "certify.suite.commands": {"PROBE_PORT"},
    "certify.suite.last_words": {"last_line"},
    "certify.suite.nested": {"Nested"},
    "certify.suite.package_commands": {"PackageCommands", "Trial"},
    "certify.suite.ports": {"in_ranges"},
    "certify.suite.service": {"Service"},
    "certify.suite.supervisor": {"Process", "ProgramState", "Supervisor"},
    "certify.suite.units": {"Units"},
    "certify.judge.diagnosis": {"diagnose"},
    "certify.judge.elf": {"other_machine"},
    "certify.judge.profile": {"Budgets"},
    "certify.judge.support": {"end_of_support"},
    "certify.model.terms": {"Level"},
}  # fmt: skip


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
