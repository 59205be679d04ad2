"""The project's addresses in its metadata: where the release is published that is being built.

``RELEASE_REPOSITORY`` is the address of the source (``https://…/OWNER/NAME``), ``RELEASE_IMAGE``
the name of the image, without a tag. A build without them, as in a checkout, names none.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Addresses(MetadataHookInterface):
    """The hook that hatchling calls for each build."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the addresses."""
        urls: dict[str, str] = {}
        if repository := os.environ.get("RELEASE_REPOSITORY", "").rstrip("/"):
            urls["Repository"] = repository
            urls["Changelog"] = f"{repository}/blob/v{metadata['version']}/CHANGELOG.md"
            urls["Documentation"] = f"{repository}/blob/v{metadata['version']}/docs/README.md"
            urls["Issues"] = f"{repository}/issues"
        if image := os.environ.get("RELEASE_IMAGE"):
            urls["Image"] = f"https://{image}"
        metadata["urls"] = urls
