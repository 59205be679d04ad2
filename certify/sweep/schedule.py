"""Schedules for sweeps, as the files that schedulers read.

The files are made from templates beside this module. Filters quote each word for the format, so
that paths with spaces, quotes or percent signs stay intact.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from certify.model.errors import UsageError

TEMPLATES = Path(__file__).parent / "schedules"
FILES = {
    "systemd": ("certify-sweep.service", "certify-sweep.timer"),
    "cron": ("crontab",),
    "github": ("github.yml",),
    "gitlab": ("gitlab-ci.yml",),
    "kubernetes": ("kubernetes.yml",),
}
"""The files of each scheduler."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FROM_IMAGE = ("gitlab", "kubernetes")
"""The schedulers that start certify from an image."""
SPREAD = ("github", *FROM_IMAGE)
"""The schedulers that can start a sweep on several hosts."""
POD_LIST = "/etc/certify/images.txt"
POD_REPORTS = "/reports"
CRON_LINE = 998
"""The most bytes of a command in a crontab; MAX_COMMAND in Vixie's cron and cronie."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The time and the command of a regular sweep."""

    listing: str
    reports: str
    hour: int
    minute: int
    day: str | None = None
    """One of :data:`DAYS`; None for every day."""
    every: int = 24
    """Hours from one sweep to the next, a divisor of 24."""
    arguments: tuple[str, ...] = ()
    """Additional options of ``certify sweep``."""
    directory: str = "/"
    """The working directory, for systemd and cron."""
    program: str = "certify"
    hours: int = 6
    """The time limit of a sweep, in hours."""
    uses: str = ""
    """The action in a GitHub workflow, ``OWNER/REPOSITORY@REF``."""
    image: str = "certify"
    """An image that contains certify."""
    on_failure: str = ""
    """The unit that systemd starts if a sweep fails."""
    shards: int = 1
    """The number of hosts that share the list."""
    merge_options: tuple[str, ...] = ()
    """The options of the job that merges the shards."""

    @property
    def times(self) -> list[int]:
        """The hours of the day at which a sweep begins."""
        return sorted((self.hour + later) % 24 for later in range(0, 24, self.every))

    @property
    def cron(self) -> str:
        """The five fields of crontab(5), in which Sunday is 0."""
        day = "*" if self.day is None else str((DAYS.index(self.day) + 1) % 7)
        return f"{self.minute} {','.join(map(str, self.times))} * * {day}"

    @property
    def calendar(self) -> str:
        """The expression of systemd.time(7)."""
        day = f"{self.day.capitalize()} " if self.day else ""
        times = ",".join(f"{hour:02}" for hour in self.times)
        return f"{day}*-*-* {times}:{self.minute:02}:00"

    @property
    def when(self) -> str:
        """The same in words: ``at 03:17 and 15:17 every day``."""
        *first, last = (f"{hour:02}:{self.minute:02}" for hour in self.times)
        times = f"{', '.join(first)} and {last}" if first else last
        return f"at {times} {f'on {self.day}' if self.day else 'every day'}"

    def command(self, listing: str | None = None, reports: str | None = None) -> list[str]:
        """Return the command line of the sweep."""
        named = ["--reports", reports or self.reports, *self.arguments]
        return [self.program, "sweep", listing or self.listing, *named, *self._last]

    @property
    def _last(self) -> tuple[str, ...]:
        """The last options: only the job that merges the shards fails because of an image."""
        return ("--fail-on", "never") if self.shards > 1 else ()

    def merge(self, *ledgers: str, reports: str | None = None) -> list[str]:
        """Return the command line that merges the shards."""
        named = ["--reports", reports or self.reports, *self.merge_options]
        return [self.program, "ledger", "merge", *ledgers, *named]


def schedule_files(form: str, schedule: Schedule) -> dict[str, str]:
    """Return the files for one scheduler, by name.

    Raises :class:`UsageError` if a field is missing or cannot be written in such a file.
    """
    _check(form, schedule)
    values = {
        **{name: getattr(schedule, name) for name in Schedule.__slots__},
        **{name: getattr(schedule, name) for name in ("cron", "calendar", "when")},
        "schedule": schedule,
        "command": schedule.command(),
        "path": _path(schedule.program),
        "ledger": "certify-${{ github.run_id }}-${{ github.run_attempt }}",
        "pod_command": schedule.command(POD_LIST, POD_REPORTS),
        "arguments": [*schedule.arguments, *schedule._last],
        "merge_command": schedule.merge(),
        "pod_merge": [*schedule.merge(reports=POD_REPORTS), "--wait", str(schedule.hours)],
    }
    return {name: _environment().get_template(f"{name}.j2").render(values) for name in FILES[form]}


def _check(form: str, schedule: Schedule) -> None:
    if form == "github" and not schedule.uses:
        raise UsageError(
            "a schedule for github needs --uses, from which it gets certify",
            remedy="Name certify's action where you have it: --uses OWNER/REPOSITORY@REF.",
        )
    if schedule.shards > 1 and form not in SPREAD:
        raise UsageError(
            f"{form} starts sweeps on one host, which needs no shards",
            remedy="Leave out --shards; --jobs N certifies several images at a time.",
        )
    words = (*schedule.command(), schedule.directory, schedule.image, schedule.uses)
    for word in words:
        if not word.isprintable():
            raise UsageError(
                f"no schedule can hold {word!r}", remedy="Leave out control characters."
            )
    if not re.fullmatch(r"([\w:.@%-]+\.(service|target))?", schedule.on_failure, re.ASCII):
        raise UsageError(
            f"{schedule.on_failure!r} is not a unit of systemd",
            remedy="Expected for example --on-failure alert@%n.service.",
        )
    if form == "systemd" and schedule.directory.endswith((" ", "\\")):
        raise UsageError(
            f"systemd cannot start anything in {schedule.directory!r}",
            remedy="Call certify in a folder whose name ends otherwise.",
        )
    if form == "cron" and len(_cron_line(schedule).encode()) > CRON_LINE:
        raise UsageError(
            f"cron cuts lines of more than {CRON_LINE} bytes, and this one has more",
            remedy="Put the command into a script, and call that; or use systemd.",
        )


def _cron_line(schedule: Schedule) -> str:
    """Return a command of crontab(5), quoted for a shell; a bare percent sign would end it."""
    words = f"cd {shlex.quote(schedule.directory)} && {shlex.join(schedule.command())}"
    return words.replace("%", "\\%")


def _path(program: str) -> str:
    """Return the PATH for cron, whose own default is short."""
    folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    own = str(PurePosixPath(program).parent)
    return ":".join(folders if own in (".", *folders) else [*folders, own])


def _systemd(words: list[str]) -> str:
    """Return a command line of systemd.service(5) that systemd passes on unchanged."""
    return " ".join(
        '"' + _specifiers(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'
        for word in words
    )


def _specifiers(word: str) -> str:
    return word.replace("%", "%%")


def _yaml(value: object) -> str:
    """Return a value as JSON, which is valid YAML."""
    return json.dumps(value, ensure_ascii=False)


def _expression(word: str) -> str:
    """Return a string for a GitHub workflow that evaluates nothing in it."""
    return _yaml(word.replace("${{", "${{ '${{' }}"))


def _shard_expression(arguments: str, shards: int) -> str:
    """Return the arguments of a sweep in a matrix of shards."""
    return f'{_expression(arguments)[:-1]} --shard ${{{{ matrix.shard }}}}/{shards}"'


def _pod(words: list[str]) -> str:
    """Return a container's command; Kubernetes expands ``$(NAME)`` in it, and ``$$`` to ``$``."""
    return _yaml([word.replace("$", "$$") for word in words])


def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - none of these files is HTML
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters |= {
        "systemd": _systemd,
        "specifiers": _specifiers,
        "shell": shlex.join,
        "cron": _cron_line,
        "yaml": _yaml,
        "expression": _expression,
        "shard_expression": _shard_expression,
        "pod": _pod,
    }
    return environment
