"""The end of a sweep, or of shards that were joined: summary, news and exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from certify.cli.exit_codes import CERTIFIED, INCONCLUSIVE, REJECTED, exit_code
from certify.cli.output import inform
from certify.cli.parameters import grouped
from certify.cli.results import print_results, print_site, report_errors
from certify.ledger.changes import Change, ChangeKind, SweepEntry
from certify.model.terms import Status
from certify.publish.places import NOWHERE, Places
from certify.publish.recorder import Recorder
from certify.sweep.conclusion import Conclusion, news_in
from certify.sweep.news import message, title
from certify.sweep.notify import Notifier
from certify.sweep.render import print_summary


@dataclass(frozen=True, slots=True)
class Reporting:
    """The options about what people hear of a sweep."""

    fail_on: str
    quiet: bool
    notify: tuple[str, ...]
    site_url: str | None

    def check(self) -> None:
        """Check the receivers of news. Raises :class:`UsageError`."""
        if self.notify:
            Notifier(self.notify)

    def report(
        self,
        recorder: Recorder,
        end: Conclusion,
        reports: Path,
        output_format: str,
        places: Places = NOWHERE,
        *,
        whole: bool = True,
    ) -> int:
        """Write and print the results, and send the news; return the exit code.

        Of a shard nobody knows what changed, so unless the list is ``whole`` there is no news.
        """
        recorder.write_reports(end.whole)
        news = news_in(recorder, end) if whole and (self.notify or self.quiet) else []
        if news or not self.quiet or output_format != "text":

            def show() -> None:
                changes, results = end.changes, end.results
                print_summary(end.entries, changes, results, Console(), elsewhere=end.elsewhere)
                print_site(reports, self.site_url)

            results = end.results if output_format == "text" else list(end.whole)
            print_results(results, output_format, show, places)
        if self.notify and news:
            text = message(news, end.source, self.site_url or str(reports.absolute()))
            for failure in Notifier(self.notify).send(title(news), text):
                inform(f"not notified: {failure}")
        not_recorded = report_errors(recorder.errors)
        return exit_code_of_sweep(end.entries, end.changes, self.fail_on) or not_recorded


reporting_options = grouped(
    "reporting",
    Reporting,
    click.option(
        "--fail-on", type=click.Choice(["rejected", "newly-rejected", "never"]),
        default="rejected", show_default=True, help="The images for which the exit code is 1.",
    ),
    click.option(
        "-q", "--quiet", is_flag=True,
        help="Print no progress, and no summary if there is no news (`certify help alerts.md`).",
    ),
    click.option(
        "--notify", multiple=True, metavar="URL",
        help="Send news to this URL of Apprise; may be repeated (`certify help alerts.md`).",
    ),
    click.option(
        "--site-url", metavar="URL", help="Where the reports folder is served, for links in news."
    ),
)  # fmt: skip


def exit_code_of_sweep(
    entries: Sequence[SweepEntry], changes: Sequence[Change] | None, fail_on: str
) -> int:
    """Return the exit code for a sweep; one without any image is never a success."""
    if fail_on == "never":
        return CERTIFIED
    code = exit_code(each.status for each in entries)
    if code == REJECTED and fail_on == "newly-rejected" and changes is not None:
        kinds = (ChangeKind.BROKEN, ChangeKind.APPEARED)
        new = {change.image.key for change in changes if change.kind in kinds}
        if not any(each.status is Status.REJECTED and each.key in new for each in entries):
            unclear = any(each.status is Status.INCONCLUSIVE for each in entries)
            return INCONCLUSIVE if unclear else CERTIFIED
    return code
