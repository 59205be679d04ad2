"""The line by which a program that ended tells why."""

from __future__ import annotations

import pytest

from certify.suite.last_words import last_line, last_words

POSTGRES = """\
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser.

       See PostgreSQL documentation about "trust":
       https://www.postgresql.org/docs/current/auth-trust.html
"""
NODE = """\
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module '/app/server.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v18.19.0
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no pool
\tat App.main(App.java:3)
Caused by: java.net.ConnectException: Connection refused
\t... 12 more
"""
GO = """\
panic: no configuration

goroutine 1 [running]:
main.main()
\t/app/main.go:5 +0x1d
exit status 2
"""


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (POSTGRES, "Error: Database is uninitialized and superuser password is not specified."),
        (NODE, "Error: Cannot find module '/app/server.js'"),
        (JAVA, "Caused by: java.net.ConnectException: Connection refused"),
        (GO, "panic: no configuration"),
        ("starting\nFatal: no port (8080)\n", "Fatal: no port (8080)"),
        ("  it is all indented\n\n", "it is all indented"),
        ("", "it printed nothing"),
    ],
)
def test_what_ended_is_quoted_where_it_tells_why(log: str, words: str) -> None:
    assert last_words(log) == words


@pytest.mark.parametrize(
    ("printed", "line"),
    [("", ""), ("18.19.0\n", "18.19.0"), ("started\n\n18.19.0 \n", "18.19.0")],
)
def test_a_greeting_before_the_answer_is_passed_over(printed: str, line: str) -> None:
    assert last_line(printed) == line
