"""``make harmless``: certify every unusual image that is right, and print image and outcome.

    python -m tests.stories.harmless.table [NAME...]

A line each as soon as it is known. Exit code 0 if nothing is held against any of them, else 1.
"""

from __future__ import annotations

import sys

from tests.stories.harmless.workshop import complaints, harmless
from tests.stories.sabotage.table import print_table


def main(names: list[str]) -> int:
    """Print the table for all images, or for those that are named."""
    return print_table(harmless(), names, complaints, lambda each: each.profile)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
