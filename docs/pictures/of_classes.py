"""Pictures of guides/binary-and-counts.md."""

from collections.abc import Callable
from functools import cache, partial

from matplotlib.figure import Figure
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from flexcv import CrossValidation, CrossValidationResults
from flexcv.datasets import load_verbagg

CATEGORIES = ["Gender", "btype", "situ", "mode"]


@cache
def results() -> CrossValidationResults:
    """Run the models of the guide."""
    encode = make_column_transformer(
        (OneHotEncoder(drop="first"), CATEGORIES), remainder="passthrough"
    )
    models = {
        "Logit": LogisticRegression(),
        "Forest": RandomForestClassifier(60, random_state=0),
    }
    table = load_verbagg().drop(columns="resp")
    cv = CrossValidation().set_data(table, "r2", groups=["id", "item"])
    cv = cv.set_splits("StratifiedGroupKFold").set_run(silence="groups-unused")
    for name, model in models.items():
        cv = cv.add_model(make_pipeline(encode, model), model_name=name)
    return cv.perform().results


def drawn(name: str, *arguments: str) -> Figure:
    """Draw one of the pictures of the results."""
    draw: Callable[..., object] = getattr(results().plot, name)
    figure: Figure = draw(*arguments).figure
    return figure


PICTURES = {
    "binary-and-counts/roc": partial(drawn, "roc"),
    "binary-and-counts/calibration": partial(drawn, "calibration"),
    "binary-and-counts/confusion": partial(drawn, "confusion", "Logit"),
}
