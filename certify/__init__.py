"""Certifies that a container image can carry a workspace."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("certify-images")
except PackageNotFoundError:  # a bare checkout, not installed
    __version__ = "0+unknown"
