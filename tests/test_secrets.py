import collections
import html
import json
import pathlib
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

from flexcv._secret_names import is_secret_variable, secrecy
from flexcv._secrets import redact, redact_frame, redact_params, redact_value

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc/def+\n-----END RSA PRIVATE KEY-----"
PLANTED = {
    "a keyword": ("Client(api_key='hunter2')", "Client(api_key='***')"),
    "a keyword in double quotes": ('Client(token="hunter2", n=3)', 'Client(token="***", n=3)'),
    "bytes": ("Client(password=b'hunter2')", "Client(password='***')"),
    "a call": ("Client(password=SecretStr('hunter2'))", "Client(password=***)"),
    "a pair of user and password": ("get(url, auth=('me', 'hunter2'))", "get(url, auth=***)"),
    "JSON": ('{"password": "hunter2", "n": 1}', '{"password": "***", "n": 1}'),
    "JSON in JSON": (r'"{\"password\": \"hunter2\"}"', r'"{\"password\": \"***\"}"'),
    "HTML": ("password=&quot;hunter2&quot;", "password=&quot;***&quot;"),
    "a dictionary": ("{'secret': 'hunter2'}", "{'secret': '***'}"),
    "a dictionary inside another's entry": ("cache_key={'password': 'hunter2'}", "cache_key={'password': '***'}"),
    "YAML": ("password: hunter2\nalpha: 1", "password: ***\nalpha: 1"),
    "words": ("the API key: hunter2abc", "the API key: ***"),
    "a tuple": ("[('api_key', 'hunter2')]", "[('api_key', '***')]"),
    "a command": ("run --api-key hunter2 --n 3", "run --api-key *** --n 3"),
    "a query": ("https://x.org/?token=hunter2&page=2", "https://x.org/?token=***&page=2"),
    "a key in a query": ("https://x.org/?key=hunter2", "https://x.org/?key=***"),
    "a signed address": ("https://a.blob.core.net/c?sv=2022&sig=aB%2Bc%3D&se=1", "https://a.blob.core.net/c?sv=2022&sig=***&se=1"),
    "an amazon address": ("https://s3/x?X-Amz-Signature=abc123&X-Amz-Date=1", "https://s3/x?X-Amz-Signature=***&X-Amz-Date=1"),
    "a connection string": ("AccountName=me;AccountKey=aB+/c9==;Suffix=net", "AccountName=me;AccountKey=***;Suffix=net"),
    "another connection string": ("Server=db;Pwd=hunter2;Database=x", "Server=db;Pwd=***;Database=x"),
    "a shared key": ("SharedAccessKey=aB+/c9=", "SharedAccessKey=***"),
    "a header": ("Authorization: Basic bWU6cHc=", "Authorization: ***"),
    "a header in a dictionary": ("{'Authorization': 'Bearer hunter2'}", "{'Authorization': '***'}"),
    "a bearer": ("sent Bearer hunter2.abc", "sent Bearer ***"),
    "another header": ("X-Api-Key: hunter2", "X-Api-Key: ***"),
    "an address": ("postgresql://me:hunter2@db/x", "postgresql://***@db/x"),
    "an address with signs": ("postgresql://me:hun@ter2@db/x", "postgresql://***@db/x"),
    "an address with a slash": ("postgresql://me:hun/ter2@db/x", "postgresql://***@db/x"),
    "a user without an address": ("connect me:hunter2@db.example.org:5432", "connect ***@db.example.org:5432"),
    "a private key": (f"key is {PEM} end", "key is *** end"),
    "a cut private key": (PEM[:60], "***"),
    "amazon's": ("id AKIAIOSFODNN7EXAMPLE", "id ***"),
    "github's": ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
    "a web token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def", "***"),
    "a cut text": ("Client(api_key='hunter2", "Client(api_key=***"),
    "an unknown kind of key": ("neptune_key=a8f3kd93kf", "neptune_key=***"),
    "a number": ("password=123456", "password=***"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANTED, ids=str)
def test_planted_secrets_are_blacked_out(case):
    text, clean = PLANTED[case]
    assert redact(text) == clean
    assert redact(clean) == clean


@pytest.mark.parametrize("case", PLANTED, ids=str)
def test_they_are_found_inside_of_any_value(case):
    text, clean = PLANTED[case]
    Pair = collections.namedtuple("Pair", "left right")
    value = {"steps": [("one", {"deep": (text, 1)})], "pair": Pair(text, {text})}
    assert redact_value(value) == {
        "steps": [("one", {"deep": (clean, 1)})],
        "pair": Pair(clean, {clean}),
    }


ORDINARY = [
    "random_state=42, n_tokens=5, max_tokens=100, token_count=7",
    "CountVectorizer(token_pattern='(?u)\\\\b\\\\w\\\\w+\\\\b', tokenizer=None)",
    "the tokenizer: fast; monkey=1, keyboard: us, hockey=3, turkey: 'yes'",
    "sorted(rows, key=lambda row: row[0])",
    '{"key": "mse", "metric_key": "rmse", "primary_key": "id"}',
    "sort_key=age, group_key: subject, random_key=7",
    "KeyError: 'alpha'",
    "author: Jane, authority=3",
    "eos_token='</s>', pad_token=[PAD]",
    "https://example.org:8080/path?page=2&sort=name",
    "https://example.org/@scope/package",
    "mail me: joe@example.org, ndcg@10, 12:30@office",
    "mailto:joe@example.org",
    "api_key=None, password='', token=None, secret: True",
    "bearer of news",
    "sigma=1.0, signal: strong, design=3, signature='(n)->()'",
    "passed=3, pass: all, passthrough=('a',)",
    "keys: a, b; tokens: 5",
    "y = 1e-10, p = 0.05, 3.14, -123456, 0x7f",
    "password_length=12, token_error: none",
    "the outcome of '/usr/lib/python3.11/tokenize.py': line 3",
    "task-force-of-many-long-words-and-more, self_hf_abcdefghijklmnopqrstuvw",
    "assignment=3, insight: 5",
    repr(make_pipeline(CountVectorizer())),
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_pass(text, monkeypatch):
    monkeypatch.setenv("KEYBOARD_LAYOUT", "row")
    monkeypatch.setenv("SSH_AUTH_SOCK", "example")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "strong")
    monkeypatch.setenv("SSL_KEY_FILE", "package")
    assert redact(text) == text
    assert redact_value({"x": [text]}) == {"x": [text]}


VARIABLES = ["NEPTUNE_API_TOKEN", "WANDB_API_KEY", "DB_PASSWORD", "MY_SECRET", "OPENAI_KEY", "AWS_ACCESS_KEY_ID", "PGPASSWORD_PASSWD"]  # fmt: skip


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["s3cret-value", "pa&ss w<rd9", 'quo"te9x', "hunter"])
def test_secrets_of_the_environment_are_blacked_out_however_written(
    monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    for written in (value, quote(value), html.escape(value), json.dumps(value)[1:-1]):
        assert redact(f"refused: {written}, again") == "refused: ***, again"


def test_a_variable_that_changes_is_seen(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "first-value-1")
    assert redact("first-value-1 second-value-2") == "*** second-value-2"
    monkeypatch.setenv("MY_TOKEN", "second-value-2")
    assert redact("first-value-1 second-value-2") == "first-value-1 ***"


def test_a_number_of_the_environment_is_blacked_out_only_where_it_stands_alone(
    monkeypatch,
):
    monkeypatch.setenv("DB_PASSWORD", "123456")
    assert redact("no entry for 123456.") == "no entry for ***."
    others = "0.123456 1234567 -123456 123456.5 x123456 123456,7"
    assert redact(others) == others
    frame = pd.DataFrame({"n": [123456], "x": [0.123456], "text": ["is 123456"]})
    clean = redact_frame(frame)
    assert clean["n"].tolist() == [123456]
    assert clean["text"].tolist() == ["is ***"]
    assert redact_value([123456, 123456.0]) == [123456, 123456.0]


@pytest.mark.parametrize("value", ["true", "abc", "12", "default", "Password"])
def test_a_variable_with_an_ordinary_value_hides_nothing(monkeypatch, value):
    monkeypatch.setenv("SOME_SECRET", value)
    assert redact(f"is {value} indeed") == f"is {value} indeed"


def test_a_file_that_holds_a_secret_may_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SSH_KEY", str(tmp_path))
    assert redact(f"cannot read {tmp_path}") == f"cannot read {tmp_path}"


def test_settings_with_a_secret_name_are_blacked_out_at_any_depth():
    given = {
        "pipeline__client__api_key": "abc",
        "api_token": "abc",
        "max_tokens": 5,
        "token": 5,
        "password": 123456,
        "url": "https://me:pw@host",
        "credentials": {"user": "me", "pw": "abc"},
        "auth": ("me", "abc"),
        "headers": [("X-Api-Key", "abc"), ("token", "text")],
        "secret": None,
        "use_secret": True,
        "key": "mse",
        "sort_key": "age",
    }
    assert redact_params(given) == {
        "pipeline__client__api_key": "***",
        "api_token": "***",
        "max_tokens": 5,
        "token": 5,
        "password": "***",
        "url": "https://***@host",
        "credentials": "***",
        "auth": "***",
        "headers": [("X-Api-Key", "***"), ("token", "text")],
        "secret": None,
        "use_secret": True,
        "key": "mse",
        "sort_key": "age",
    }


def test_an_estimator_inside_a_text_is_clean():
    class Client(BaseEstimator):
        def __init__(self, api_key="", rows=3):
            self.api_key = api_key
            self.rows = rows

    text = repr(make_pipeline(Client(api_key="hunter2", rows=4)))
    assert "hunter2" not in redact(text)
    assert "rows=4" in redact(text)


def test_kinds_of_values_stay():
    given = (
        1,
        2.5,
        np.float64(3),
        {"a"},
        frozenset({"b"}),
        b"raw",
        pathlib.Path("a/b"),
    )
    clean = redact_value(given)
    assert clean == given
    assert [type(each) for each in clean] == [type(each) for each in given]
    assert redact_value(b"password=hunter2") == b"password=***"
    assert redact_value(pathlib.PurePosixPath("a/token=abc")) == (
        pathlib.PurePosixPath("a/token=***")
    )


def test_a_table_without_secrets_is_returned_itself():
    frame = pd.DataFrame({"x": [1.0], "text": ["fine"], "n_tokens": [3]})
    assert redact_frame(frame) is frame


def test_text_columns_names_and_labels_are_cleaned_and_the_rest_stays():
    frame = pd.DataFrame(
        {
            "password": ["abc", None],
            "kind": pd.Categorical(["token=abc", "fine"]),
            "mixed": [{"api_key": "abc"}, 3],
            "number": [1.5, 2.5],
            "secret": [7, 8],
        },
        index=["a", "token=abc"],
    )
    before = frame.copy()
    clean = redact_frame(frame)
    assert clean["password"].iloc[0] == "***"
    assert pd.isna(clean["password"].iloc[1])
    assert clean["kind"].tolist() == ["token=***", "fine"]
    assert clean["mixed"].tolist() == [{"api_key": "***"}, 3]
    assert clean.index.tolist() == ["a", "token=***"]
    pd.testing.assert_frame_equal(
        clean[["number", "secret"]].set_axis([0, 1]),
        before[["number", "secret"]].set_axis([0, 1]),
    )
    pd.testing.assert_frame_equal(frame, before)


def test_names_are_read_as_words():
    assert {secrecy(n) for n in ("apiKey", "API_KEY", "client.api-key")} == {"surely"}
    assert {secrecy(n) for n in ("", "key", "monkey", "tokens", "__")} == {"no"}
    assert secrecy("neptune_key") == "perhaps"
    assert is_secret_variable("AWS_ACCESS_KEY_ID")
    assert not is_secret_variable("SSH_AUTH_SOCK")
    assert not is_secret_variable("PWD")  # the folder a shell works in
    assert is_secret_variable("DB_PWD")


def test_a_long_text_costs_little_time():
    for text in ("a+b." * 100_000, "x" * 400_000, "key='" * 20_000, "://" * 100_000):
        redact(text)


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from([*(text for text, _ in PLANTED.values()), *ORDINARY]),
    st.sampled_from(["password", "token", "key", "=", ": ", "'", '"', "\\", "(", ")", "{", "}", "://", "@", "?", "&", ";", "\n", "***", "Bearer ", "authorization", "auth"]),
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_is_clean_stays_as_it_is(text):
    clean = redact(text)
    assert redact(clean) == clean
