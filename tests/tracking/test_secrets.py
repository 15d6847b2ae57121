import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv._secrets import redact, redact_params
from flexcv.synthesizer import generate_regression


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


class Client(Ridge):
    def __init__(self, api_key=None, alpha=1.0):
        super().__init__(alpha=alpha)
        self.api_key = api_key


def test_a_tuned_choice_that_is_a_secret_is_told_to_nobody(tmp_path):
    keys = CategoricalDistribution(["choice-aaaa", "choice-bbbb"])
    X, y, _, _ = generate_regression(3, 60)

    def perform():
        cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=2, n_splits_in=2)
        space = {"api_key": keys, "alpha": FloatDistribution(0.1, 1.0)}
        cv = cv.set_inner_cv(9).add_model(Client, params=space)
        return cv.set_run(tmp_path, progress=False).perform()

    perform()
    perform()  # whose trials say *** for the key; a warning would be an error
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"choice-" not in path.read_bytes()


def test_what_a_metric_raises_before_a_run_is_blacked_out():
    def mine(y_true, y_pred):
        raise ValueError("api_key=abcd1234")

    X, y, _, _ = generate_regression(3, 60)
    cv = CrossValidation().set_data(X, y, dataset_name="sleep?token=abcd1234")
    cv = cv.set_splits(metrics={"mine": mine}).add_model(Ridge)
    assert "abcd1234" not in repr(cv)
    with pytest.raises(ValueError, match=r"\(ValueError: api_key=\*\*\*\)"):
        cv.perform()
