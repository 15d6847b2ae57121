"""Draw the pictures of guides/binary-and-counts.md.

python docs/images/binary-and-counts/make_pictures.py
"""

from pathlib import Path

from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from flexcv import CrossValidation
from flexcv.datasets import load_verbagg

FOLDER = Path(__file__).parent
CATEGORIES = ["Gender", "btype", "situ", "mode"]


def main() -> None:
    """Run the models of the guide and draw ROC, calibration and confusion."""
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
    plot = cv.perform().results.plot
    drawn = {
        "roc": plot.roc(),
        "calibration": plot.calibration(),
        "confusion": plot.confusion("Logit"),
    }
    for name, ax in drawn.items():
        figure = ax.figure
        figure.set_facecolor("white")
        figure.savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
