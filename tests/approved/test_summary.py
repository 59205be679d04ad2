"""The summary of a publication, as text and as JSON."""

from __future__ import annotations

from pathlib import Path

from certify.approved.approval import Exclusion
from certify.approved.publication import Publication
from certify.approved.render import Changes
from certify.approved.summary import summary_fields, summary_text
from certify.model.result_key import ResultKey
from tests.factories import a_list

PUBLICATION = Publication(
    a_list(),
    Changes(added=("added a (linux/amd64, plain)",)),
    excluded=[Exclusion(ResultKey("b\x1b[1m", "", "plain"), "rejected:\nno shell")],
    warnings=["signed with another key"],
)


def test_people_read_changes_exclusions_and_warnings() -> None:
    assert summary_text(PUBLICATION, Path("out"), "approve.toml").splitlines()[:1] == [
        "List 7: 1 approved, 0 revoked, 1 left out"
    ]
    assert summary_text(PUBLICATION, Path("out"), "approve.toml").splitlines()[2:] == [
        "  policy: approve.toml",
        "  added a (linux/amd64, plain)",
        "Left out:",
        "  b (plain): rejected:",
        "Note: signed with another key",
    ]


def test_programs_get_the_same() -> None:
    fields = summary_fields(PUBLICATION)
    assert (fields["sequence"], fields["approved"], fields["revoked"]) == (7, 1, 0)
    assert fields["added"] == ("added a (linux/amd64, plain)",)
    assert fields["left_out"] == [
        {"reference": "b\x1b[1m", "platform": None, "profile": "plain",
         "reason": "rejected:\nno shell"}
    ]  # fmt: skip
    assert fields["warnings"] == ["signed with another key"]
