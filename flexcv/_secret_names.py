"""Which names say that their value is a secret, and how loudly.

Names are taken apart into words, so `apiKey`, `API_KEY` and `client__api-key` are the
same, and `n_tokens`, `monkey`, `tokenizer` and `primary_key` are ordinary.
"""

from __future__ import annotations

import functools
import re
from typing import Literal, TypeAlias

# "surely": whatever the value; "perhaps": when the value looks like a secret, too
Secrecy: TypeAlias = Literal["surely", "perhaps", "no"]

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
NAME = re.compile(r"[\w.\-\[\]/ ()]{1,100}")  # anything longer is a text
SEGMENT = re.compile(r"__|[.\[\]/]")  # a step of a pipeline, an attribute, an entry
SECRET = {
    "accesskey", "accountkey", "apikey", "auth", "authorization", "cookie",
    "cookies", "credential", "credentials", "jwt", "passphrase", "passwd", "password",
    "passwords", "privatekey", "pw", "pwd", "secret", "secretkey", "secrets",
}  # fmt: skip
# What stands before `key` and makes a secret of it.
UNLOCKING = {
    "access", "account", "admin", "api", "app", "auth", "client", "consumer", "deploy",
    "encryption", "license", "master", "private", "secret", "security", "service",
    "session", "shared", "signing", "ssh", "storage", "subscription",
}  # fmt: skip
ORDINARY_KEYS = {
    "cache", "candidate", "child", "color", "column", "composite", "dict", "each",
    "feature", "first", "foreign", "group", "grouping", "index", "join", "label",
    "last", "legend", "lookup", "map", "merge", "metric", "natural", "next", "order",
    "parent", "partition", "primary", "prng", "public", "random", "rng", "routing",
    "row", "second", "sort", "sorting", "surrogate", "target", "unique",
}  # fmt: skip
# Words that a text model treats apart: `eos_token`, `[PAD]`.
ORDINARY_TOKENS = {
    "bos", "cls", "end", "eos", "input", "last", "mask", "next", "oov", "output",
    "pad", "separator", "sep", "special", "start", "stop", "text", "unexpected", "unk",
    "word",
}  # fmt: skip
# What is said about a secret and is none: `token_pattern`, `password_length`.
ABOUT = {
    "count", "counts", "dim", "dir", "error", "errors", "expiry", "file", "filter",
    "folder", "format", "func", "function", "ids", "index", "len", "length", "level",
    "limit", "manager", "name", "names", "number", "path", "pattern", "policy",
    "prefix", "rate", "regex", "size", "sock", "suffix", "timeout", "type", "types",
}  # fmt: skip
COUNTING = {"max", "mean", "min", "n", "num", "number", "total"}
SPOKEN = {"key", "keys", "token", "tokens"}  # by the name of an environment variable


@functools.lru_cache(maxsize=4096)
def secrecy(name: str) -> Secrecy:
    """Return how loudly the name of a setting says that its value is a secret.

    Examples
    --------
    >>> secrecy("pipeline__client__api_key"), secrecy("deploy_token")
    ('surely', 'surely')
    >>> secrecy("n_tokens"), secrecy("token_pattern"), secrecy("random_state")
    ('no', 'no', 'no')
    """
    if NAME.fullmatch(name) is None:
        return "no"
    words = _words(SEGMENT.split(name)[-1])
    if not words or words[-1] in ABOUT or words[0] in COUNTING:
        return "no"
    if SECRET & set(words):
        return "surely"
    before = {*words[: _place(words, "token")]}
    if "token" in words and not ORDINARY_TOKENS & before:
        return "surely"
    return _secrecy_of_key(words)


@functools.lru_cache(maxsize=4096)
def is_secret_variable(name: str) -> bool:
    """Whether the name of an environment variable says TOKEN, KEY, SECRET or PASSWORD.

    Examples
    --------
    >>> is_secret_variable("OPENAI_KEY"), is_secret_variable("KEYBOARD_LAYOUT")
    (True, False)
    """
    words = _words(name)
    if not words or words[-1] in ABOUT or words == ["pwd"]:  # where a shell works
        return False
    return bool((SECRET - {"auth", "authorization", "cookie"} | SPOKEN) & set(words))


def _secrecy_of_key(words: list[str]) -> Secrecy:
    place = _place(words, "key")
    if place in {0, len(words)}:
        return "no"
    before = words[place - 1]
    if before in UNLOCKING:
        return "surely"
    return "no" if before in ORDINARY_KEYS else "perhaps"


def _place(words: list[str], word: str) -> int:
    return words.index(word) if word in words else len(words)


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORD.findall(name)]
