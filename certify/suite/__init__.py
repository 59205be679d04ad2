"""How checks run; and what their authors import: ``from certify.suite import check``.

Every pytest session on a machine that has certify imports this, for the plugin lies here; so what
authors import is imported when they do.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certify.suite.claims import (
        CheckUnknown,
        blocked_by,
        check,
        not_applicable,
        proven,
        unknown,
    )

__all__ = ["CheckUnknown", "blocked_by", "check", "not_applicable", "proven", "unknown"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from certify.suite import claims  # noqa: PLC0415 - costs, if unused

    return getattr(claims, name)
