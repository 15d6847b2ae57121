"""Load Optuna without the warning that tqdm gives notebooks which lack ipywidgets.

It is about progress bars that nothing here uses. Imported before Optuna itself.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna  # noqa: F401
