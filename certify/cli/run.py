"""``certify run IMAGE...``: certify, print, record, write reports.

Exit codes: 0 all certified, 1 at least one rejected, 2 wrong usage (nothing was run),
3 none rejected and at least one inconclusive, 130 interrupted and cleaned up.
"""

from __future__ import annotations

import sys

import click

from certify.cli.certification_options import CertificationOptions, certification_options
from certify.cli.completion import completes, recorded_images
from certify.cli.results import Printing, printing_options, result_format_option
from certify.cli.storage import Storage, writing_options


@click.command()
@click.argument(
    "images", nargs=-1, required=True, metavar="IMAGE...",
    shell_complete=completes(recorded_images),
)  # fmt: skip
@certification_options
@result_format_option
@click.option("--keep", is_flag=True, help="Leave the container running, to look into it.")
@printing_options
@writing_options
def run(
    *,
    images: tuple[str, ...],
    output_format: str,
    keep: bool,
    printing: Printing,
    storage: Storage,
    certification: CertificationOptions,
) -> None:
    """Certify images on this host's container engine.

    An IMAGE is a reference, an image ID, or a file: oci:FOLDER, oci-archive:FILE,
    docker-archive:FILE, or - for an archive on standard input.

    \b
    Examples:
      certify ubuntu:22.04
      certify run --profile plain --format json debian:12 alpine:3.20
      certify docker-archive:image.tar
      certify --platform all --engine arm64=ssh://builder app:1
      docker save app:1 | certify -
    """
    from certify.cli.run_images import run_images  # noqa: PLC0415 - help needs none of it

    sys.exit(
        run_images(images, certification, storage, printing, output_format=output_format, keep=keep)
    )
