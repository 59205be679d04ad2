"""``python -m certify.suite SOCKET`` is the server of check processes."""

import gc
import socket
import sys


def start(number: int) -> int:
    """Import what checks need, then serve; in each copy, run the checks and return the exit code.

    ``number`` is the descriptor of the socket that the server shares with its parent.
    """
    gc.disable()  # what is imported is no garbage, and looking for some takes a tenth of the time
    import pytest  # noqa: PLC0415 - after that

    from certify.suite.check_server import serve  # noqa: PLC0415
    from certify.suite.worker import arguments, main  # noqa: PLC0415

    pytest.main([*arguments(), "--collect-only"])  # whatever it imports, its copies have
    end = serve(socket.socket(fileno=number))
    gc.enable()
    return main(end)


if __name__ == "__main__":
    sys.exit(start(int(sys.argv[1])))
