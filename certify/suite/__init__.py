"""How checks run; and what their authors import: ``from certify.suite import check``."""

from certify.suite.claims import CheckUnknown, blocked_by, check, not_applicable, proven, unknown

__all__ = ["CheckUnknown", "blocked_by", "check", "not_applicable", "proven", "unknown"]
