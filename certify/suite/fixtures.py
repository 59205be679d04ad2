"""The fixtures of checks. Only a run that certifies an image registers them."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from certify.suite.candidate import Candidate
from certify.suite.claims import Note
from certify.suite.nested import Nested
from certify.suite.service import Service

CANDIDATE = pytest.StashKey[Candidate]()
NOTE = pytest.StashKey[Note]()
"""Keys under which the conductor leaves the candidate and :meth:`Conductor.note`."""


@pytest.fixture(scope="session")
def candidate(pytestconfig: pytest.Config) -> Candidate:
    """Return the candidate under certification."""
    return pytestconfig.stash[CANDIDATE]


@pytest.fixture(scope="session")
def host(candidate: Candidate) -> Host:
    """Return testinfra's ``Host`` for the candidate, as root, over one long-lived shell."""
    return candidate.host


@pytest.fixture(scope="session")
def nested(candidate: Candidate) -> Nested:
    """Return Docker inside the candidate."""
    return Nested(candidate)


@pytest.fixture(scope="session")
def service(candidate: Candidate) -> Service:
    """Return the image as a service in the dockerd of the candidate, which is a base image."""
    return Service(candidate)


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Note:
    """Return a function that takes one line: the report of a passing check."""
    return pytestconfig.stash[NOTE]
