"""Makes text that an image printed safe to show: images are hostile, or merely odd.

Whatever a candidate prints ends up in terminals, HTML, XML and file names, so it passes
through here where it enters certify. Nothing that a person could see is lost, and nothing
that a person could not see keeps its power: what is left encodes to UTF-8, is valid
XML 1.0 text, moves no cursor and reverses no line.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

REPLACEMENT = "\ufffd"
"""Stands where a character was that no encoding or document may hold."""

FILE_NAME_BYTES = 120
"""Longest name that `file_name` gives: leaves room for an extension on any file system."""

# A control string (OSC, DCS, SOS, PM, APC) is only taken for one if it ends on its own line;
# an unterminated one would otherwise hide all that was printed after it. Its body excludes
# every opener, so that the search stays linear whatever is thrown at it.
_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])"
    r"[^\x07\x18\x1a\x1b\x90\x98\x9b-\x9f\n]*+(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|\x1b[ -/]*+[0-~]"
)
_UNSAFE_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_LIKE_A_SUFFIX = re.compile(r"-[0-9a-f]{10}$")

# Invisible by Unicode's Default_Ignorable_Code_Point, though not of a format category.
_INVISIBLE = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0})
# They only choose between two looks of the character before them; terminals disagree on
# the width of the pair, and runs of them can carry hidden data.
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0x180B, 0x1810), range(0xE0100, 0xE01F0))


def _is_variation_selector(code: int) -> bool:
    return any(code in selectors for selectors in _VARIATION_SELECTORS)


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _is_surrogate(code: int) -> bool:
    return 0xD800 <= code <= 0xDFFF


def _is_invisible(code: int) -> bool:
    """Controls, bidi controls, line separators and other characters without a look."""
    return code in _INVISIBLE or unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")


def _visible_escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _ToPrintable(dict[int, int | str]):
    """What `str.translate` asks, one code point at a time; keeps no memory of the answers."""

    def __missing__(self, code: int) -> int | str:
        if _is_surrogate(code) or _is_noncharacter(code):
            return REPLACEMENT
        if _is_variation_selector(code):
            return ""
        return _visible_escape(code) if _is_invisible(code) else code


class _ToJson(dict[int, int | str]):
    """Keeps JSON's meaning: an invisible character becomes JSON's own escape for it."""

    def __missing__(self, code: int) -> int | str:
        if _is_surrogate(code):
            return REPLACEMENT
        if code == 0x7F:  # DEL is a control, yet the one that JSON never escapes
            return "\\u007f"
        hidden = _is_noncharacter(code) or _is_invisible(code) or _is_variation_selector(code)
        return json.dumps(chr(code)).strip('"') if hidden else code


_PRINTABLE = _ToPrintable({code: code for code in (0x09, 0x0A, *range(0x20, 0x7F))})
_JSON = _ToJson({code: code for code in range(0x7F)})


def printable(text: str | bytes, *, limit: int | None = None) -> str:
    r"""The text as a person would have read it, harmless to show anywhere.

    Escape sequences vanish. Of a line that was overwritten by carriage returns (a progress
    bar), the last state that shows something is kept. Other control characters, bidi
    controls and invisible characters turn into a visible ``\x07`` or ``\u202e``; characters
    that no document may hold turn into U+FFFD. Newlines and tabs stay.

    ``limit`` bounds the result's length in characters: a third of the room goes to the
    beginning, the rest to the end, and in between stands how much was left out.
    Doing it twice changes nothing more.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    if text.isascii() and text.isprintable():  # most are; this takes a tenth of the time
        return text if limit is None or len(text) <= limit else _shortened(text, limit)
    text = _ESCAPE_SEQUENCES.sub("", text)
    if "\r" in text:
        text = "\n".join(_last_written(line) for line in text.split("\n"))
    text = text.translate(_PRINTABLE)
    return text if limit is None or len(text) <= limit else _shortened(text, limit)


def one_line(text: str | bytes, limit: int = 200) -> str:
    """The first line that shows something, its white space folded, at most ``limit`` long."""
    folded = (" ".join(line.split()) for line in printable(text).split("\n"))
    line = next(filter(None, folded), "")
    return line if len(line) <= limit else _cut(line, limit)


def file_name(text: str) -> str:
    """A name for a file about ``text``: portable, at most 120 bytes, never hidden or an option.

    Two texts do not share a name: whenever the name alone does not tell the text any more
    (also on a file system that ignores case), it ends in a digest of the text.
    """
    name = _UNSAFE_IN_NAMES.sub("_", text).strip(".-_")
    tells_all = name and name == text == text.lower() and len(name) <= FILE_NAME_BYTES
    # What merely looks like it ends in a digest gets a true one, or it could pose as another's.
    if tells_all and not _LIKE_A_SUFFIX.search(name):
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    kept = name[: FILE_NAME_BYTES - len(digest) - 1].rstrip(".-_") or "unnamed"
    return f"{kept}-{digest}"


def safe_json(data: object, *, indent: int | None = None) -> str:
    """JSON that a person can read and a terminal can show.

    Letters of all scripts stand as themselves; what is invisible is escaped as JSON allows,
    so that a parser gets it back. Only lone surrogates, which parsers refuse, are replaced.
    """
    return visible_json(json.dumps(data, ensure_ascii=False, indent=indent, allow_nan=False))


def visible_json(text: str) -> str:
    """JSON that was written already, as `safe_json` would have written it."""
    return text.translate(_JSON)


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


def short(digest: str) -> str:
    """A digest as people tell it apart: its first twelve digits."""
    return digest.partition(":")[2][:12] or digest[:12]
