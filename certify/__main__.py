"""``python -m certify`` is the command ``certify``."""

import sys


def start() -> None:
    """Load the command and run it; Ctrl-C while its modules are loaded ends it quietly, too."""
    try:
        from certify.cli.main import main  # noqa: PLC0415 - takes half a second

        main(prog_name="certify")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    start()
