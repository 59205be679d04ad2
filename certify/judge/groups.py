"""Groups of checks: their order in reports, and the facts that all checks of a group share.

They are data, in ``groups.toml``. A group does not have to be listed there.
"""

from __future__ import annotations

from certify.model.terms import LaunchKind
from certify.model.value import Value
from certify.util.toml import packaged


class Group(Value):
    """A group of checks."""

    launch: LaunchKind | None = None
    """The only kind of launch under which its checks can pass; None if any kind will do."""
    evidence: str = ""
    """The kind of text in the evidence of its checks; empty for the group's own name."""
    lane: str = ""
    """The lane that its checks can run in, beside those of other lanes; empty if they run alone."""
    lasting: tuple[str, ...] = ()
    """Checks whose answer must still be the same once all lanes have ended."""
    timed: bool = False
    """True if its checks measure times, so that no lane may begin before them."""


GROUPS: dict[str, Group] = {
    name: Group.model_validate(facts)
    for name, facts in packaged("certify.judge", "groups.toml").items()
}
"""The listed groups by name, in their order; other groups come after these."""


def group_of(check_id: str) -> str:
    """Return the name of a check's group."""
    return check_id.partition(".")[0]


def group_rank(name: str) -> int:
    """Return the place of a group in every order of groups; the same one for all unlisted."""
    return [*GROUPS, name].index(name)


def launch_of(name: str) -> LaunchKind | None:
    """Return the only kind of launch under which checks of a group can pass, if there is one."""
    return GROUPS.get(name, Group()).launch


def evidence_of(name: str) -> str:
    """Return the kind of text in the evidence of a group's checks, for the signatures of causes."""
    return GROUPS.get(name, Group()).evidence or name
