"""The README: its table of commands is the one that ``certify --help`` would give."""

from __future__ import annotations

import re
from pathlib import Path

from certify.cli.main import usages
from scripts.handbook import command_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_of_commands_is_up_to_date() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert command_table(usages(), pages) in README, "run scripts/docs"


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).is_file()]
