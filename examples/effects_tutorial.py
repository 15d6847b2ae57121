# %% [markdown]
# # What a random effect is for
#
# Five subjects, 50 rows each. Both features work inside every subject: one step of
# `practice` adds 1, one step of `hours awake` takes away 2. But the subjects differ:
# those who practise more start lower. A model that does not know the subjects mixes
# the two up and finds that practice does harm.

# %%
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flexcv.models import LinearMixedEffectsModel

rng = np.random.default_rng(42)
names = ["practice", "hours awake"]
subject = np.repeat([f"subject {number}" for number in range(1, 6)], 50)
level = np.repeat(np.arange(5), 50)  # of practice; 0 to 4
table = pd.DataFrame(
    {
        "practice": 2.0 * level + rng.normal(size=250),
        "hours awake": rng.normal(size=250),
        "subject": subject,
    }
)
score = (
    1.0 * table["practice"]
    - 2.0 * table["hours awake"]
    - 4.0 * level  # the subject's own start
    + 0.5 * rng.normal(size=250)
)

# %% With the subject as random effect the slopes are 1 and -2, as they were made.
mixed = LinearMixedEffectsModel(groups="subject").fit(table, score)
print(mixed.summary())

# %% Without it, this is ordinary least squares, and practice seems to do harm.
plain = LinearMixedEffectsModel().fit(table[names], score)
print("\n", plain.summary(), sep="")

# %% Both side by side: the dot is the estimate, the line its interval.
figure = Figure(figsize=(10, 2.6), layout="constrained")
axes = figure.subplots(1, 2, sharex=True, sharey=True)
for ax, title, model in (
    (axes[0], "without the subjects", plain),
    (axes[1], "subject as random effect", mixed),
):
    model.plot_fixed_effects(ax=ax).set_title(title)
figure.savefig("effects.png", dpi=120)

# %% The table as a frame, to go on with.
print("\n", mixed.summary().to_frame()[["estimate", "lower", "upper"]].round(2), sep="")
