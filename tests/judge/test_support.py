"""The end of a distribution's support, by what the image and the table say."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources

import pytest

from certify.judge.support import end_of_support
from certify.model.value import Value


class Distribution(Value):
    """One table of ``support.toml``."""

    source: str
    releases: dict[str, date]


@pytest.mark.parametrize(
    ("release", "end"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, date(2028, 6, 30)),
        ({"ID": "alpine", "VERSION_ID": "3.20.3"}, date(2026, 4, 1)),
        ({"ID": "alpine", "VERSION_ID": "3.2"}, None),
        ({"ID": "debian"}, None),
        ({"ID": "of-our-own", "VERSION_ID": "12"}, None),
        ({"ID": "of-our-own", "SUPPORT_END": "2027-01-31"}, date(2027, 1, 31)),
        ({"ID": "of-our-own", "SUPPORT_END": "soon"}, None),
        # Fedora's own word of the day that the image was built, and an extension since.
        ({"ID": "fedora", "VERSION_ID": "41", "SUPPORT_END": "2025-11-19"}, date(2025, 12, 15)),
        ({"ID": "debian", "VERSION_ID": "12", "SUPPORT_END": "2033-06-30"}, date(2033, 6, 30)),
    ],
)
def test_the_later_day_holds(release: dict[str, str], end: date | None) -> None:
    assert end_of_support(release) == end


def test_every_distribution_names_its_source() -> None:
    text = (resources.files("certify.judge") / "support.toml").read_text("utf-8")
    tables = {name: Distribution.model_validate(each) for name, each in tomllib.loads(text).items()}
    assert all(table.source for table in tables.values())
    days = [list(table.releases.values()) for table in tables.values()]
    assert all(len(each) > 3 for each in days)
