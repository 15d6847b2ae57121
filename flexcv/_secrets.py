"""The one door through which text is written: secrets stay behind it.

Three things give a secret away: that it is the value of an environment variable whose
name says so, the name that stands before it, and its form. Numbers stay numbers.
"""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, quote_plus

import pandas as pd

from ._secret_names import is_secret_variable, secrecy

HIDDEN = "***"
SHORTEST = 6  # a shorter value of a variable would black out parts of ordinary words
LONGEST_KNOWN = 100  # characters of texts that are remembered
SHORTEST_WORD = 4  # where it stands alone
PLAIN_KINDS = (str, int, float, type(None), type(pd.NA))
ORDINARY_VALUES = {
    "credentials", "default", "disabled", "enabled", "false", "none", "null",
    "password", "secret", "token", "true",
}  # fmt: skip
# Texts, not compiled ones: `re` keeps what it has compiled, and most runs need none.
LOOKS_RANDOM = r"(?s)(?=.*\d)(?=.*[A-Za-z]).{8,}|\S{20,}"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
PLAIN = r"(?s)None|True|False|null|true|false|nan|\*\*\*.*"

# Each form begins with letters of its own: a pattern that does is found quickly.
BY_FORM = (
    r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)|"
    r"A(?:KI|SI)A(?<![A-Z0-9]A..A)[0-9A-Z]{16}(?![0-9A-Z])|gh[pousr]_\w{20,}|"
    r"github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|"
    r"sk-(?<![\w-]sk-)[\w-]{20,}|hf_(?<!\whf_)\w{20,}|AIza(?<!\wAIza)[\w-]{30,}|"
    r"eyJ(?<![\w+/]eyJ)[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|"
    r"eyJ(?<![\w+/]eyJ)[\w+/=-]{40,}"
)
# user:password@host, with an address before it or without
USER_IN_ADDRESS = (
    r"(?<=://)[^\s/'\"<>?#]+@|"
    r"(?<=://)[^\s/@:'\"<>]+:(?!\d*(?:[/?#]|$))[^\s@'\"<>]+@"
)
USER_ALONE = (
    r"(?i)\b(?!(?:mailto|e?-?mail|contact|author|from|to|cc|git|sip)\b)"
    r"([A-Za-z][\w.+-]*):[^\s:@/,'\"<>*]{3,}@(?=[A-Za-z][\w-]*(?:[.:(]|\b))"
)
HEADER = (
    r"(?i)(\bauthorization\\?['\"]?\s*[:=]\s*\\?['\"]?)"
    r"(?:(?:bearer|basic|token|digest|apikey)\s+)?[^\s'\",;\\]+"
)
BEARER = r"(\b(?:Bearer|BEARER|bearer(?=\s+\S*\d))\s+)[^\s'\",;\\)]+"
_QUOTED = r"\"(?:[^\"\\]|\\.){0,4000}\"|'(?:[^'\\]|\\.){0,4000}'"
_ESCAPED = r"\\\"[^\"\\]*\\\"|&quot;.*?&quot;|&#(?:x27|39);.*?&#(?:x27|39);"
_INSIDE = r"[\w.]{0,60}\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}"
_BARE = r"['\"]?[^\s,;&'\"()<>\[\]{}\\]+"
VALUE = rf"(?:[bBuUrRfF]{{0,2}}(?:{_QUOTED})|{_ESCAPED}|{_INSIDE}|{_BARE})"
QUOTE = r"[bBuUrRfF]{0,2}(\\?['\"]|&quot;|&#(?:x27|39);)"
NAMED = (
    rf"(?is)(?P<name>(?:token|secret|passw|passphrase|pwd|(?<![A-Za-z])pw(?![A-Za-z])|"
    rf"credential|key|sig|auth|cookie|jwt)[\w.-]{{0,40}})"
    rf"(?P<between>(?:\\?['\"]|&quot;|&#(?:x27|39);)?\s{{0,3}}[:=]\s{{0,3}})"
    rf"(?P<value>{VALUE})"
)
IN_COMMAND = rf"(?P<name>--[\w-]{{2,40}})(?P<between>\s+)(?P<value>{VALUE})"
PAIR = rf"(?<=\()(?P<name>{_QUOTED})(?P<between>,\s{{0,3}})(?P<value>{_QUOTED})(?=\))"
# The rest of a name that a match ends, with a word before it: `API key: ...`
BEFORE = r"(?i)(?:\b(?:access|account|api|private|secret|storage)\s)?[\w.-]{0,60}\Z"
PAIR_NAME = r"[\w.-]{1,60}"
IN_QUERY = {"auth", "code", "key", "pass", "sig", "signature"}


def redact(text: str) -> str:
    """Black out secrets in a text.

    Parameters
    ----------
    text
        Anything that is about to be written: a message, a report, an address.

    Examples
    --------
    >>> redact("no route to https://me:hunter2@example.org/?token=abc&page=2")
    'no route to https://***@example.org/?token=***&page=2'
    >>> redact("Client(api_key='abc', n_tokens=5)")
    "Client(api_key='***', n_tokens=5)"
    """
    return redactor()(text)


def redactor() -> Callable[[str], str]:
    """Return `redact` for many texts: the environment is looked at once, here.

    Examples
    --------
    >>> hide = redactor()
    >>> [hide(text) for text in ("a=1", "password=abc")]
    ['a=1', 'password=***']
    """
    variables = _variables()

    def hide(text: str) -> str:
        find = _hidden_once if len(text) < LONGEST_KNOWN else _hidden
        return find(text, variables)

    return hide


def _hidden(text: str, variables: re.Pattern[str] | None) -> str:
    if variables is not None:
        text = variables.sub(HIDDEN, text)
    lowered = text.lower()
    for hints, pattern, replacement in SEARCHES:
        if any(hint in lowered for hint in hints):
            text = re.sub(pattern, replacement, text)
    return text


_hidden_once = functools.lru_cache(maxsize=4096)(_hidden)  # names come again and again


def redact_value(value: Any, name: str = "") -> Any:
    """Black out secrets in a value, at any depth; numbers stay numbers.

    Parameters
    ----------
    value
        Texts, containers of any kind, tables; other objects are returned as they are.
    name
        What the value is called, which may say that it is a secret.

    Examples
    --------
    >>> redact_value({"steps": [("client", {"api_key": "abc"}), 3]})
    {'steps': [('client', {'api_key': '***'}), 3]}
    """
    if name and _is_hidden_under(name, value):
        return HIDDEN
    if isinstance(value, str):
        hidden = redact(value)
        return value if hidden == value else hidden  # texts of NumPy stay such
    if isinstance(value, Mapping):
        return {redact_value(k): redact_value(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | set | frozenset):
        return type(value)(redact_value(entry) for entry in value)
    return _redacted_other(value)


def redact_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Black out the secrets among settings, nested ones and those inside of values.

    Examples
    --------
    >>> redact_params({"alpha": 1.0, "pipeline__client__api_key": "abc"})
    {'alpha': 1.0, 'pipeline__client__api_key': '***'}
    """
    return {name: redact_value(value, str(name)) for name, value in params.items()}


def redact_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Black out secrets in the text of a table; no number is ever changed.

    Parameters
    ----------
    frame
        It is returned itself when it holds no secret, else a copy.

    Examples
    --------
    >>> redact_frame(pd.DataFrame({"password": ["abc"], "x": [1]}))
      password  x
    0      ***  1
    """
    changed = {
        place: clean
        for place, name in enumerate(frame.columns)
        if (clean := _redacted_column(frame.iloc[:, place], str(name))) is not None
    }
    names, labels = _redacted_labels(frame.columns), _redacted_labels(frame.index)
    if not changed and names is frame.columns and labels is frame.index:
        return frame
    columns = [changed.get(i, frame.iloc[:, i]) for i in range(frame.shape[1])]
    table = pd.concat(columns, axis=1) if columns else frame.copy()
    return table.set_axis(names, axis=1).set_axis(labels, axis=0)


def _redacted_other(value: Any) -> Any:
    for kind, redacted in KINDS.items():
        if isinstance(value, kind):
            return redacted(value)
    return value


def _redacted_bytes(value: bytes) -> bytes:
    return redact(value.decode("latin-1")).encode("latin-1")


def _redacted_series(value: pd.Series[Any]) -> pd.Series[Any]:
    clean = _redacted_column(value, str(value.name))
    return value if clean is None else clean


def _redacted_tuple(value: tuple[Any, ...]) -> Any:
    """Black out a tuple; a pair may be a name with its value."""
    entries = [redact_value(entry) for entry in value]
    if hasattr(value, "_fields"):
        return type(value)(*entries)
    if len(value) == 2 and isinstance(value[0], str) and _names_its_pair(value[0]):
        entries[1] = redact_value(value[1], value[0])
    return tuple(entries)


def _names_its_pair(name: str) -> bool:
    """Whether two entries are a name and its value, not two columns."""
    is_name = re.fullmatch(PAIR_NAME, name) is not None and name.lower() != "token"
    return is_name and secrecy(name) == "surely"


def _is_hidden_under(name: str, value: Any) -> bool:
    """Whether a value is a secret by the name that it has."""
    how = secrecy(name)
    if how == "no" or value is None or isinstance(value, bool | pd.DataFrame):
        return False
    if isinstance(value, int | float):
        return how == "surely" and "token" not in name.lower()
    if how == "perhaps":
        return isinstance(value, str) and re.fullmatch(LOOKS_RANDOM, value) is not None
    return not hasattr(value, "__len__") or len(value) > 0


def _hidden_value(match: re.Match[str]) -> str:
    """Black out the value of a name found in a text, or look further inside it."""
    value = match.group("value")
    before = match.group()[: -len(value)]
    if not _is_secret_in_text(match):
        return before + re.sub(NAMED, _hidden_value, value)
    quotes = re.match(QUOTE, value)
    mark = quotes.group(1) if quotes is not None else ""
    return before + (mark + HIDDEN + mark if value.endswith(mark) else HIDDEN)


def _is_secret_in_text(match: re.Match[str]) -> bool:
    name, value = _whole_name(match), match.group("value").lstrip("bBuUrRfF")
    value = value.strip("'\"\\")
    if not value or re.fullmatch(PLAIN, value):
        return False
    if match.re.pattern == PAIR:
        return _names_its_pair(name)
    how = "surely" if _is_secret_in_query(match, name) else secrecy(name)
    if how == "perhaps":
        return re.fullmatch(LOOKS_RANDOM, value) is not None
    is_count = "token" in name.lower() and re.fullmatch(NUMBER, value) is not None
    return how == "surely" and not is_count


def _is_secret_in_query(match: re.Match[str], name: str) -> bool:
    """Whether a name stands in an address and means a key or a signature there."""
    start = match.start("name") + len(match.group("name")) - len(name)
    is_in_query = start > 0 and match.string[start - 1] in "?&"
    return is_in_query and name.lower().rpartition("-")[2] in IN_QUERY


def _whole_name(match: re.Match[str]) -> str:
    """Return the name in front of a value from its beginning."""
    start = match.start("name")
    before = re.search(BEFORE, match.string[max(0, start - 60) : start])
    return (before.group() if before else "") + match.group("name").strip("'\"")


def _variables() -> re.Pattern[str] | None:
    """Return what finds the secrets of the environment in a text."""
    return _pattern(
        tuple(os.environ[name] for name in os.environ if is_secret_variable(name))
    )


@functools.lru_cache(maxsize=16)
def _pattern(values: tuple[str, ...]) -> re.Pattern[str] | None:
    found = dict.fromkeys(form for value in values for form in _forms(value.strip()))
    patterns = [_form_pattern(form) for form in sorted(found, key=len, reverse=True)]
    return re.compile("|".join(patterns)) if patterns else None


def _forms(value: str) -> list[str]:
    """List how a value may be written; a value like an ordinary word is left out."""
    has_digit = any(letter.isdigit() for letter in value)
    shortest = SHORTEST_WORD if has_digit else SHORTEST
    if len(value) < shortest or value.lower() in ORDINARY_VALUES:
        return []
    if os.path.isabs(value) and os.path.exists(
        value
    ):  # a variable may name the file that holds the secret
        return []
    escaped = json.dumps(value)[1:-1]
    return [value, quote(value), quote_plus(value), escaped, html.escape(value)]


def _form_pattern(form: str) -> str:
    """Return a pattern for a value; one that could be part of a word stands alone."""
    plain = re.escape(form)
    if re.fullmatch(NUMBER, form):
        return rf"(?<![\w.+-]){plain}(?!\w|[.,]\d)"
    if form.isalpha() or len(form) < SHORTEST:
        return rf"(?<!\w){plain}(?!\w)"
    return plain


def _redacted_column(column: pd.Series[Any], name: str) -> pd.Series[Any] | None:
    """Return a column of text without its secrets, or None when it has none."""
    if not _is_text(column.dtype):
        return None
    texts = dict.fromkeys(entry for entry in column if isinstance(entry, str))
    is_plain = all(isinstance(entry, PLAIN_KINDS) for entry in column)
    together = "\n".join(texts)  # one search instead of one for each text
    if is_plain and secrecy(name) == "no" and redact(together) == together:
        return None
    clean = {text: redact_value(text, name) for text in texts}
    hidden = [clean[e] if isinstance(e, str) else redact_value(e) for e in column]
    if all(map(_is_same, hidden, column)):
        return None
    dtype = object if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return pd.Series(hidden, index=column.index, name=column.name, dtype=dtype)


def _redacted_labels(labels: Any) -> Any:
    """Return labels without secrets; the same ones when they hold none."""
    if not _is_text(labels.dtype):
        return labels
    hidden = [redact_value(label) for label in labels]
    if all(map(_is_same, hidden, labels)):
        return labels
    return pd.Index(hidden, name=labels.name, dtype=object, tupleize_cols=False)


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and repr(one) == repr(other))


def _is_text(dtype: Any) -> bool:
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype)


KINDS: dict[type, Callable[[Any], Any]] = {
    tuple: _redacted_tuple,
    bytes: _redacted_bytes,
    PurePath: lambda path: type(path)(redact(str(path))),
    pd.DataFrame: redact_frame,
    pd.Series: _redacted_series,
}
FORMS = ("begin", "akia", "asia", "gh", "glpat-", "xox", "sk-", "hf_", "aiza", "eyj")
STEMS = (
    "token", "secret", "passw", "passphrase", "pwd", "pw", "credential", "key", "sig",
    "auth", "cookie", "jwt",
)  # fmt: skip
# What to look for, where a text holds one of the words in front; in this order.
SEARCHES: tuple[tuple[tuple[str, ...], str, Any], ...] = (
    (FORMS, BY_FORM, HIDDEN),
    (("@",), USER_IN_ADDRESS, f"{HIDDEN}@"),
    (("@",), USER_ALONE, f"{HIDDEN}@"),
    (("authorization",), HEADER, rf"\g<1>{HIDDEN}"),
    (("bearer",), BEARER, rf"\g<1>{HIDDEN}"),
    (STEMS, NAMED, _hidden_value),
    (("--",), IN_COMMAND, _hidden_value),
    (STEMS, PAIR, _hidden_value),
)
