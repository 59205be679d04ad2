"""``python -m certify.suite SOCKET`` is the server of check processes."""

import sys

from certify.suite.serving import start

if __name__ == "__main__":
    sys.exit(start(int(sys.argv[1])))
