"""The generated pages of the documentation say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from certify.judge.profiles import load, parse_profile, shipped
from certify.suite.catalogue import claims, group_descriptions
from scripts.handbook import checks_page, profiles_page

DOCS = Path(__file__).parents[2] / "docs"
PROFILES = [load(name) for name in shipped()]
PAGES = {
    "checks.md": checks_page(claims(), group_descriptions(), PROFILES),
    "profiles.md": profiles_page(PROFILES),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name], "run scripts/docs"


def test_every_check_and_every_profile_has_its_heading() -> None:
    assert set(re.findall(r"^### (.+)$", PAGES["checks.md"], re.MULTILINE)) == set(claims())
    assert set(re.findall(r"^### (.+)$", PAGES["profiles.md"], re.MULTILINE)) == set(shipped())


def test_every_link_leads_to_a_heading() -> None:
    for name, text in PAGES.items():
        for page, anchor in re.findall(r"\]\(([a-z.-]*)#([a-z0-9_-]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", PAGES[page or name], re.MULTILINE)
            anchors = {heading.lower().replace(".", "").replace(" ", "-") for heading in headings}
            assert anchor in anchors


def test_the_example_of_a_profile_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGES["profiles.md"], re.DOTALL)
    mine = parse_profile(example, "example.toml", known=set(claims()))
    assert mine.extends == "plain"
    assert mine.level("packages.install") == "recommended"


def test_the_site_of_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    ended = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert {page.stem for page in DOCS.glob("[a-z]*.md")} <= {
        p.stem for p in tmp_path.glob("*.html")
    }


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    assert {page.name for page in DOCS.glob("[a-z]*.md")} == set(
        re.findall(r"\]\(([a-z-]+\.md)\)", index)
    )
