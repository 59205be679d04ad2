"""Processes that start in milliseconds: forks of a server that has certify's modules loaded.

A new interpreter takes the better part of a second to load what a sweep or a publication needs. A
fork of a server that did nothing else shares with other processes what a new interpreter shares:
nothing. What concerns the interpreter itself needs a real one.
"""

from __future__ import annotations

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["psycopg", "certify.approved.publication", "tests.factories", "tests.support.leader"]
)
