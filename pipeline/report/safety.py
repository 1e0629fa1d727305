r"""Makes text from logs harmless where it is shown: terminal, HTML, CSV, Markdown, charts, JSON in a page.

Whoever can send a request chooses text that ends here. Nothing is dropped: what cannot be shown as
it is, is shown as an escape such as ``\x1b`` or ``\u202e``.
"""

import json
import re
import unicodedata

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take the wide forms too
_INVISIBLE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*{}\[\]<>|#~$!&]|(?<!\w)_|_(?!\w))")
_SCRIPT_BREAKERS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def visible(text: str) -> str:
    """Text on one line with every control, format and bidirectional character spelled out.

    Unicode's categories Cc, Cf, Cs, Co, Cn, Zl and Zp are replaced: terminal commands, reversed
    text, zero-width characters and lone surrogates all lie in them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    hidden = unicodedata.category(char) in _INVISIBLE_CATEGORIES
    return char.encode("unicode_escape").decode() if hidden else char


def csv_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before ``= + - @`` and blanks."""
    guard = "'" if text.startswith(_FORMULA_STARTS) else ""
    return guard + visible(text)


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", visible(text))


def chart(text: str) -> str:
    """Text for Plotly, which reads some tags and entities in its labels."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def script_json(value: object) -> str:
    """JSON for a data block inside a page: can close no tag and open no comment.

    Raises:
        ValueError: the value holds NaN or infinity, which JSON has not.
    """
    return seal_json(json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")))


def seal_json(text: str) -> str:
    """JSON text with the characters escaped that mean something to HTML or to JavaScript."""
    for char, escape in _SCRIPT_BREAKERS.items():
        text = text.replace(char, escape)
    return text
