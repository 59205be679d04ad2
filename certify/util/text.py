"""Text from images, made safe for terminals, HTML, XML, JSON, chats and file names.

Images may be hostile, so all that they print passes through here when it enters certify. Visible
characters stay; invisible ones lose their effect. The result can be encoded as UTF-8, is valid
XML 1.0 text, and contains no sequence that moves the cursor or reverses the direction of text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from io import StringIO

REPLACEMENT = "\ufffd"
"""The replacement for characters that no encoding or document may contain."""

WORD_JOINER = "\u2060"
"""An invisible character at which no line breaks; :func:`printable` lets none through."""

FILE_NAME_BYTES = 120
"""The limit of :func:`file_name`, in bytes; any file system has room for a suffix beyond it."""

# A control string (OSC, DCS, SOS, PM, APC) must end on its own line; otherwise an unterminated one
# would hide everything printed after it. Its body excludes every opener, so that the search takes
# linear time for any input.
_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
    r"[^\x07\x18\x1a\x1b\x90\x98\x9b-\x9f\n]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|\x1b[ -/]*+[0-~]"
)
_UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_WORD = re.compile(r"(?:`[^`\n]{1,200}`|\S)+\s*|\s+")  # a `command` counts as one
_LIKE_A_SUFFIX = re.compile(r"-[0-9a-f]{10}$")

_LOOK_ALIKES = str.maketrans("<>`*~", "‹›ˋ∗∼")
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# The digest in the name of an image is no mention.
_ADDRESS = re.compile(
    r"(?i)(?::?//|\b(?:https?|ftp|mailto):|\bwww\.|@(?!sha256:[0-9a-f]{64}(?![0-9a-f])))\S*"
)
_IN_ADDRESS = re.compile(r"(?=\.)|(?<=[@:/.])")
_PAIR = re.compile(r"\](?=[(\[:])|[&#](?=[#\w])|\|(?=\|)|\$(?=\$)")

# Invisible according to Unicode (Default_Ignorable_Code_Point), but not in a format category.
_INVISIBLE = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0})
# These only select a variant of the character before them. Terminals disagree on the width of the
# pair, and sequences of them can carry hidden data.
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0x180B, 0x1810), range(0xE0100, 0xE01F0))


def _is_variation_selector(code: int) -> bool:
    return any(code in selectors for selectors in _VARIATION_SELECTORS)


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _is_surrogate(code: int) -> bool:
    return 0xD800 <= code <= 0xDFFF


def _is_invisible(code: int) -> bool:
    """Return True for controls, bidi controls, line separators and other invisible characters."""
    return code in _INVISIBLE or unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")


def _visible_escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _Table(dict[int, int | str]):
    """A table for ``str.translate`` that computes its entries and stores the first of them.

    To compute one takes ten times as long as to look it up; hostile text can have a million.
    """

    def __init__(self, entry: Callable[[int], int | str]) -> None:
        self._entry = entry

    def __missing__(self, code: int) -> int | str:
        shown = self._entry(code)
        if len(self) < _STORED:
            self[code] = shown
        return shown


def _to_printable(code: int) -> int | str:
    if _is_surrogate(code) or _is_noncharacter(code):
        return REPLACEMENT
    if _is_variation_selector(code):
        return ""
    return _visible_escape(code) if _is_invisible(code) else code


def _to_json(code: int) -> int | str:
    """Return an escape for an invisible character."""
    if _is_surrogate(code):
        return REPLACEMENT
    if code == 0x7F:  # DEL is the only control character that JSON does not escape
        return "\\u007f"
    hidden = _is_noncharacter(code) or _is_invisible(code) or _is_variation_selector(code)
    return json.dumps(chr(code)).strip('"') if hidden else code


_STORED = 4096
_PRINTABLE = _Table(_to_printable)
_JSON = _Table(_to_json)
# A search passes over plain characters, of which most texts consist, five times as fast as a table.
_NOT_PLAIN = re.compile(r"[^\t\n -~]+")


def _translated(text: str, table: dict[int, int | str]) -> str:
    return _NOT_PLAIN.sub(lambda found: found[0].translate(table), text)


def printable(text: str | bytes, *, limit: int | None = None) -> str:
    r"""Return the text as a terminal would show it, safe for any output.

    Escape sequences are removed. If carriage returns overwrite a line (a progress bar), only its
    last visible state stays. Other control characters, bidi controls and invisible characters
    become a visible ``\x07`` or ``\u202e``; characters that no document may contain become U+FFFD.
    Newlines and tabs stay.

    ``limit`` is the greatest length in characters: a third of it is for the beginning, the rest for
    the end, with a note between them of how much was left out.
    A second call with the same limit changes nothing.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if text.isascii() and text.isprintable():  # true of most text, and ten times faster
        return text if limit is None or len(text) <= limit else _shortened(text, limit)
    text = _ESCAPE_SEQUENCES.sub("", text)
    if "\r" in text:
        text = "\n".join(_last_written(line) for line in text.split("\n"))
    text = _translated(text, _PRINTABLE)
    return text if limit is None or len(text) <= limit else _shortened(text, limit)


def one_line(text: str | bytes, limit: int = 200) -> str:
    """Return the first visible line, white space folded, cut to ``limit`` characters."""
    shown = printable(text)
    line = " ".join(shown.split())
    if "\n" in shown:
        line = next(filter(None, (" ".join(each.split()) for each in shown.split("\n"))), "")
    return line if len(line) <= limit else _cut(line, limit)


def inert(text: str) -> str:
    """Return a line as people read it in a chat, with no mention, link or markup in it.

    Receivers differ in what they make of text, and in what they unescape: Discord and Mattermost
    get a message as it is, Telegram gets HTML. So nothing is escaped, which would be visible
    elsewhere. Characters of markup become others that look like them, and an invisible word joiner
    breaks what has to be read as one: ``@all``, ``://``, ``](``, ``&lt;``, ``#tag``, and the dots
    of an address.

    Names without any of this stay as they are, to be copied: images, checks, units, paths, and
    packages such as docker.io. A receiver that makes links even of these shows where they lead.
    """
    text = _OUTER_UNDERSCORE.sub("ˍ", text.translate(_LOOK_ALIKES))
    text = _ADDRESS.sub(lambda found: _IN_ADDRESS.sub(WORD_JOINER, found[0]), text)
    return _PAIR.sub(rf"\g<0>{WORD_JOINER}", text)


def file_name(text: str) -> str:
    """Return a portable file name for a text: at most 120 bytes, no leading ``.`` or ``-``.

    Different texts have different names, also on file systems that ignore case: unless the text
    itself is a good name, the name ends in a digest of it.
    """
    name = _UNSAFE_IN_NAMES.sub("_", text).strip(".-_")
    is_the_text = name and name == text == text.lower() and len(name) <= FILE_NAME_BYTES
    # A text that seems to end in a digest gets one, too; else it could be the name of another.
    if is_the_text and not _LIKE_A_SUFFIX.search(name):
        return name
    import hashlib  # noqa: PLC0415 - most commands name no file

    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    kept = name[: FILE_NAME_BYTES - len(digest) - 1].rstrip(".-_") or "unnamed"
    return f"{kept}-{digest}"


def safe_json(data: object, *, indent: int | None = None) -> str:
    """Return JSON that people can read and terminals can show.

    Visible characters of all scripts stay. Invisible ones are escaped, so that a parser restores
    them. Only lone surrogates, which parsers refuse, are replaced.
    """
    if indent is None:
        return visible_json(_COMPACT.encode(data))
    encoder = json.JSONEncoder(ensure_ascii=False, indent=indent, allow_nan=False)
    text = StringIO()  # `encode` would hold each bracket and comma as an object
    text.writelines(encoder.iterencode(data))
    return visible_json(text.getvalue())


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def visible_json(text: str) -> str:
    """Return JSON text with its invisible characters escaped, as by :func:`safe_json`."""
    if text.isascii() and "\x7f" not in text:  # which escapes all other control characters
        return text
    return _translated(text, _JSON)


def _last_written(line: str) -> str:
    states = reversed(line.split("\r"))
    return next((state for state in states if state.strip()), "")


def _cut(text: str, limit: int) -> str:
    return text[: limit - 1].rstrip() + "…" if limit > 0 else ""


def _shortened(text: str, limit: int) -> str:
    gap = "\n" if "\n" in text else " "

    def mark(left_out: int) -> str:
        return f"{gap}… {left_out} characters left out …{gap}"

    room = limit - len(mark(len(text)))
    if room < 2:
        return _cut(text, limit)
    head, tail = room // 3, room - room // 3
    return text[:head] + mark(len(text) - room) + text[-tail:]


def line_breaks(text: str, width: int, measure: Callable[[str], int] = len) -> list[int]:
    """Return where a line is broken to fit: before words, but never within one or a `command`.

    The blanks before a break stay, and do not count. ``measure`` returns the width of a text.
    """
    breaks, used = [], 0
    for word in _WORD.finditer(text):
        if used and used + measure(word[0].rstrip()) > width:
            breaks.append(word.start())
            used = 0
        used += measure(word[0])
    return breaks


def without_passwords(address: str) -> str:
    """Return an address with ``***`` for each password in it; a user's name may contain ``@``."""
    return re.sub(r"(?is)([?&][^=&#]*password=)[^&#]*|(://[^/:]*:).*@", _hidden, address)


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}***" if found[1] else f"{found[2]}***@"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 image``, ``3 images``."""
    return f"{number} {noun}{'s' * (number != 1)}"


def short_digest(digest: str) -> str:
    """Return the first twelve hexadecimal digits of a digest."""
    return digest.partition(":")[2][:12] or digest[:12]
