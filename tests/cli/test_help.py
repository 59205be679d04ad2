"""``certify help``: the same as ``--help``, and the pages of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify.cli.help import pages, readable
from certify.cli.main import COMMANDS
from tests.conftest import Certify

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["sweep", "keys"])
def test_it_shows_the_help_of_a_command(certify: Certify, name: str) -> None:
    ended = certify("help", name)
    assert ended.code == 0
    assert ended.out == certify(name, "--help").out == certify(name, "-h").out
    assert certify("help", name, "--format", "json").json()["help"] + "\n" == ended.out


def test_it_shows_a_page_that_a_message_names(certify: Certify) -> None:
    page = (ROOT / "docs/alerts.md").read_text("utf-8")
    for topic in ("alerts", "docs/alerts.md"):
        assert certify("help", topic).out == page
    assert certify("help", "sweep").out != certify("help", "sweep.md").out, "a command, and a page"


def test_on_a_terminal_the_prose_of_a_page_is_wrapped() -> None:
    rest = """\

- [another](at/some/length.md)
10. ten

```sh
- code stays as it stands
```

| a table | stays, too |

End."""
    heading = "# A heading that is long enough\n\n"
    page = f"{heading}One two three `four five`\nsix seven.\n\n- an item of\n  a list\n{rest}"
    shown = f"{heading}One two three\n`four five` six\nseven.\n\n- an item of a list\n{rest}"
    assert readable(page, 20) == shown


@pytest.mark.parametrize("name", pages())
def test_no_word_of_a_page_is_lost_on_a_terminal(name: str) -> None:
    page = pages()[name].read_text("utf-8").rstrip()
    assert readable(page, 80).split() == page.split()


def test_every_page_that_the_program_names_can_be_shown() -> None:
    named = set()
    for file in (ROOT / "certify").rglob("*.py"):
        named |= set(re.findall(r"certify help ([a-z-]+)\.md", file.read_text("utf-8")))
    assert len(named) > 5
    assert named <= pages().keys()


def test_no_help_names_a_file_that_only_a_checkout_has(certify: Certify) -> None:
    for name in COMMANDS:
        assert "docs/" not in certify("help", name).out


def test_alone_it_shows_the_help_of_certify_and_names_the_pages(certify: Certify) -> None:
    shown = certify("help").out
    assert shown.startswith(certify("-h").out.rstrip())
    listed = shown[shown.index("Pages: ") :]
    assert re.findall(r"[a-z-]+", listed.removeprefix("Pages: ")) == list(pages())
    assert max(map(len, listed.splitlines())) < 80


@pytest.mark.parametrize("name", [*COMMANDS, "keys new", "ledger merge", "ledger import"])
def test_no_name_and_no_command_is_broken_in_a_help(certify: Certify, name: str) -> None:
    for line in certify(*name.split(), "--help").out.splitlines():
        assert len(line) <= 80
        assert line.count("`") % 2 == 0, line
        assert not re.search(r"\w-$", line), line
        assert not {"\u2011", "\u00a0"} & set(line), line


def test_an_unknown_topic_has_no_help(certify: Certify) -> None:
    ended = certify("help", "swep")
    assert ended.code == 2
    assert "certify has neither a command nor a page 'swep'. Did you mean sweep?" in ended.err
