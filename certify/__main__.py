"""``python -m certify`` is the command ``certify``."""

import gc
import sys

from certify.util.garbage import collect_rarely


def start() -> None:
    """Load the command and run it; Ctrl-C while its modules are loaded ends it quietly, too.

    At the end all memory goes back to the system anyway: searching it for garbage first would cost
    a tenth of a short command.
    """
    collect_rarely()
    try:
        from certify.cli.main import main  # noqa: PLC0415 - takes half a second

        main(prog_name="certify")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()


if __name__ == "__main__":
    start()
