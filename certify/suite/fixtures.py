"""What checks are handed; registered only for a run that certifies an image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host

from certify.suite.candidate import Candidate
from certify.suite.nested import Nested
from certify.suite.plugin import conductor_of


@pytest.fixture(scope="session")
def candidate(pytestconfig: pytest.Config) -> Candidate:
    """The candidate under certification."""
    conductor = conductor_of(pytestconfig)
    assert conductor is not None
    return conductor.candidate


@pytest.fixture(scope="session")
def host(candidate: Candidate) -> Host:
    """Testinfra's view of the candidate, as root, through one long-lived shell."""
    return candidate.host


@pytest.fixture(scope="session")
def nested(candidate: Candidate) -> Nested:
    """The engine inside the candidate, by its own command line."""
    return Nested(candidate)


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Call it with one line to say what was seen when a check passes."""
    conductor = conductor_of(pytestconfig)
    assert conductor is not None
    return conductor.note
