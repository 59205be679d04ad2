"""Results as Markdown and as workflow commands: complete, and closed to what images print."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from certify.model.result import Check, Reason, Result
from certify.model.terms import Outcome, Status
from certify.publish import markdown as module
from certify.publish.markdown import markdown
from tests.factories import UNKNOWN_FAILURE

STEADY = settings(derandomize=True, deadline=None)
HOSTILE = st.text(st.characters(exclude_categories=())) | st.text(
    st.sampled_from("`|*_[]()<>&#!~:%,\r\n -x"), min_size=1
)
MakeCheck = Callable[..., Check]
MakeResult = Callable[..., Result]


def html(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


class Tags(HTMLParser):
    """The tags of a page, and the text of its blocks of code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.code: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "code":
            self.code.append("")

    def handle_data(self, data: str) -> None:
        if self.code:
            self.code[-1] += data


OURS = {
    "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "br", "strong",
    "details", "summary", "pre", "code",
}  # fmt: skip


def with_words(result: Result, words: str) -> Result:
    """The result as it was, but every word of the image's is these."""
    image = result.image.model_copy(update={"reference": f"a{words}"})
    reason = Reason(check=words, text=words, remedy=words)
    checks = tuple(
        each.model_copy(update={"message": words, "evidence": words}) for each in result.checks
    )
    launch = result.launch.model_copy(update={"reproduce": words})
    verdict = result.verdict.model_copy(update={"reasons": (reason,)})
    return result.model_copy(
        update={"image": image, "verdict": verdict, "checks": checks, "launch": launch}
    )


def test_each_result_has_a_row_and_each_problem_a_section(one_of_each: list[Result]) -> None:
    text = markdown(one_of_each)
    page = html(text)
    assert page.count("<tr>") == 1 + len(one_of_each)
    for result in one_of_each:
        assert result.image.reference.replace("_", "&#95;") in text or "_" in result.image.reference
    rejected = next(r for r in one_of_each if r.verdict.status is Status.REJECTED)
    failed = next(c for c in rejected.checks if c.outcome is Outcome.FAILED)
    assert f"✗ {failed.id} failed (required)" in page
    assert any(failed.evidence.splitlines()[0] in code for code in Tags(page).code)
    assert any(rejected.launch.reproduce in code for code in Tags(page).code)


def test_long_evidence_keeps_its_important_lines(
    make_check: MakeCheck, make_result: MakeResult
) -> None:
    evidence = f"{UNKNOWN_FAILURE}\n" + "nothing is to be seen here\n" * 500
    failed = make_check("packages.install", Outcome.FAILED, evidence=evidence)
    (code, *_) = Tags(html(markdown([make_result(checks=(failed,), status=Status.REJECTED)]))).code
    assert "E: Failure running script /usr/local/sbin/provenance" in code
    assert "lines left out …" in code
    assert len(code) < 5000


def test_an_image_without_problems_is_only_a_row(make_result: MakeResult) -> None:
    assert "###" not in markdown([make_result()])


def test_no_results_have_a_heading() -> None:
    assert markdown([]) == "## certify: no results\n"


@STEADY
@given(words=HOSTILE)
def test_text_from_an_image_stays_text(one_of_each: list[Result], words: str) -> None:
    page = html(markdown([with_words(result, words) for result in one_of_each]))
    assert set(Tags(page).tags) <= OURS


def test_a_summary_stays_below_what_github_takes(one_of_each: list[Result]) -> None:
    loud = with_words(one_of_each[2], "long line ✗ " * 100)
    text = markdown([loud] * 150)
    assert module.LARGEST // 2 < len(text.encode()) < 1024**2
    assert re.search(r"The details of \d+ more results are in the reports", text)
