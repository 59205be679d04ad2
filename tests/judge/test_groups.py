"""Groups of checks: their order, and the facts that a whole group shares."""

from __future__ import annotations

from certify.judge.groups import GROUPS, evidence_of, group_of, group_rank, launch_of


def test_listed_groups_come_in_their_order_and_others_after_them() -> None:
    ranks = [group_rank(name) for name in GROUPS]
    assert ranks == sorted(set(ranks))
    assert group_rank("own") == group_rank("tools") == len(GROUPS) > max(ranks)


def test_a_group_is_the_first_part_of_an_id() -> None:
    assert group_of("image.os") == "image"
    assert group_of("own") == "own"


def test_facts_have_defaults() -> None:
    assert launch_of("systemd") == "init"
    assert launch_of("image") is launch_of("own") is None
    assert evidence_of("systemd") == "journal"
    assert evidence_of("packages") == "packages"
    assert evidence_of("own") == "own"
