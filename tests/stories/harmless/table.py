"""``make harmless``: certify every unusual image that is right, and print image and outcome.

    python -m tests.stories.harmless.table [NAME...]

A line each as soon as it is known. Exit code 0 if nothing is held against any of them, else 1.
"""

from __future__ import annotations

import sys

from certify.model.result import Result
from tests.stories.harmless.workshop import Harmless, complaints, harmless
from tests.stories.sabotage.table import print_table
from tests.stories.sabotage.workshop import examine


def examine_harmless(image: Harmless) -> tuple[Result, list[str]]:
    """Certify an image; return the result, and what is held against it."""
    result = examine(image)
    return result, complaints(image, result)


def main(names: list[str]) -> int:
    """Print the table for all images, or for those that are named."""
    return print_table(harmless(), names, examine_harmless, lambda each: each.profile)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
