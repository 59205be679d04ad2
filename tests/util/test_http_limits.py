import pytest

from certify.util.http_limits import is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1:5000", True), ("localhost", True), ("[::1]:5000", True), ("[::1]", True),
     ("10.0.0.1", False), ("registry.example:443", False)],
)  # fmt: skip
def test_this_machine_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
