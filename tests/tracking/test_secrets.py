import pytest

from flexcv._secrets import redact, redact_params


@pytest.mark.parametrize("name", ["NEPTUNE_API_TOKEN", "WANDB_API_KEY", "DB_PASSWORD"])
def test_secrets_of_the_environment_are_blacked_out(monkeypatch, name):
    monkeypatch.setenv(name, "s3cret-value")

    assert redact("refused: s3cret-value") == "refused: ***"


def test_headers_and_users_in_addresses_are_blacked_out():
    assert redact("Authorization: abc") == "Authorization: ***"
    assert redact("postgresql://me:pw@db/x") == "postgresql://***@db/x"


def test_settings_with_a_secret_name_are_blacked_out():
    given = {"api_token": "abc", "max_tokens": 5, "url": "https://me:pw@host"}

    assert redact_params(given) == {
        "api_token": "***",
        "max_tokens": 5,
        "url": "https://***@host",
    }
