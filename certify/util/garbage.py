"""Rare searches for garbage."""

import gc


def collect_rarely() -> None:
    """Let Python search for garbage rarely.

    The values of many images are no garbage, and searching them cost a third of a sweep.
    """
    gc.set_threshold(20_000, 20, 20)
