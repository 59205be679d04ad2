"""The rights that are tried with a service, in turn."""

from __future__ import annotations

from certify.suite.rights import RIGHTS


def test_what_gives_all_rights_comes_last_and_nothing_before_it_does() -> None:
    assert [bool(each.lines.get("privileged")) for each in RIGHTS] == [False, False, False, True]
    assert len({each.name for each in RIGHTS}) == len(RIGHTS)
