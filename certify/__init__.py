"""Certifies that a container image can carry a workspace."""

__version__: str


def __getattr__(name: str) -> str:
    """Return the version; looking it up takes longer than many a command."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("certify-images")
    except PackageNotFoundError:  # a bare checkout, not installed
        return "0+unknown"
