import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.errors import StorageError
from flexcv.evaluation.journal import RECORD, TrialLog, TrialStore
from flexcv.evaluation.sampling import TrialSampler
from flexcv.storage.folder import LOCK_FILE

N_TRIALS = 12


def chain(folder=None, high=100.0, rows=60):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    cv = CrossValidation().set_data(X, X["a"] + rng.normal(size=rows))
    cv.set_splits(n_splits_out=2, n_splits_in=2).set_inner_cv(N_TRIALS)
    space = {"alpha": FloatDistribution(0.01, high, log=True)}
    return cv.add_model(Ridge, params=space).set_run(folder)


def bare(trials):
    return trials.drop(columns="seconds")


def test_one_process_alone_tunes_as_perform_does(tmp_path):
    whole = chain().perform().results.trials.query("fold == 1")
    alone = chain().tune("Ridge", fold=1).trials
    kept = chain().tune("Ridge", fold=1, storage=tmp_path / "one.log").trials
    for tuned in (alone, kept):
        pd.testing.assert_frame_equal(
            bare(tuned),
            bare(whole)[bare(tuned).columns].reset_index(drop=True),
            check_exact=True,
        )


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from tests.evaluation.test_journal import chain
tuned = chain({folder!r}).tune("Ridge", storage={storage!r})
print(len(tuned.trials))
"""


def processes(n, folder, storage):
    root = str(Path(__file__).parents[2])
    script = SCRIPT.format(root=root, folder=folder, storage=storage)
    command = [sys.executable, "-c", script]
    started = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(n)
    ]
    ended = [process.communicate() for process in started]
    assert all(process.returncode == 0 for process in started), ended
    return [int(out) for out, _ in ended]


@pytest.mark.slow
def test_two_processes_tune_one_unit_and_perform_does_the_rest(tmp_path):
    folder = str(tmp_path / "run")
    counts = processes(2, folder, None)
    assert all(N_TRIALS <= count <= N_TRIALS + 1 for count in counts)
    tuned = chain(folder).tune("Ridge")
    results = chain(folder).perform().results
    found = results.trials.query("fold == 0").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found[tuned.trials.columns], tuned.trials, check_exact=True
    )
    assert results.params["alpha"][0] == tuned.params["alpha"]


@pytest.mark.slow
def test_two_processes_share_a_database(tmp_path):
    storage = f"sqlite:///{tmp_path / 'trials.db'}"
    chain().set_inner_cv(1).tune("Ridge", fold=1, storage=storage)  # makes the tables
    counts = processes(2, None, storage)
    assert all(N_TRIALS <= count <= N_TRIALS + 1 for count in counts)


def test_trials_of_a_killed_process_that_never_ended_do_not_count(tmp_path):
    file = tmp_path / "trials.log"
    tuned = chain().tune("Ridge", storage=file)
    study = optuna.load_study(
        study_name=None,
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(file))
        ),
    )
    study.ask()  # and never told
    again = chain().tune("Ridge", storage=file)
    pd.testing.assert_frame_equal(again.trials, tuned.trials, check_exact=True)


@pytest.fixture
def journal(tmp_path):
    """Return a run folder whose units are gone, the journal of one and its numbers."""
    folder = tmp_path / "run"
    whole = chain(folder).perform().results
    shutil.rmtree(folder / "units")
    return folder, min((folder / "trials").iterdir()), whole


def same(one, other):
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(bare(one.trials), bare(other.trials), check_exact=True)  # fmt: skip


@pytest.mark.parametrize("kept", [4, 9])
def test_trials_that_an_orphan_wrote_once_more_count_once(journal, kept):
    folder, file, whole = journal
    lines = file.read_bytes().splitlines(keepends=True)
    head = len(lines) - N_TRIALS
    # the new process went on after `kept` trials while the old one still wrote
    twice = [line for line in lines[head + kept :] for _ in range(2)]
    file.write_bytes(b"".join([*lines[: head + kept], *twice, *lines[-1:]]))
    same(whole, chain(folder).perform().results)


def test_trials_of_other_settings_that_an_orphan_wrote_are_passed_over(journal):
    folder, file, whole = journal
    chain(folder.parent / "other", high=50.0).perform()
    other = folder.parent / "other" / "trials" / file.name
    lines, strange = (f.read_bytes().splitlines(keepends=True) for f in (file, other))
    file.write_bytes(b"".join([*lines[:-6], *strange[-6:]]))
    same(whole, chain(folder).perform().results)


def test_a_journal_that_does_not_say_how_is_refused(journal):
    folder, file, _ = journal
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(line for line in lines if b'"user_attr":' not in line))
    with pytest.raises(StorageError, match="does not say how its trials were made"):
        chain(folder).perform()


def test_a_worker_stops_when_another_process_went_on_with_its_run(tmp_path):
    folder = tmp_path / "run"
    file = folder / "trials" / "unit.log"
    trial = optuna.trial.create_trial(value=1.0, user_attrs={RECORD: {}})
    log = TrialLog(TrialStore(file, "unit", "how", holder="1 a"), "minimize")
    (folder / LOCK_FILE).write_text("7 b")
    with pytest.raises(StorageError) as caught:
        log.append(trial)
    assert str(caught.value) == (
        f"{str(file)!r} is written by process 7 by now, which went on with this run; "
        "leave it to that process."
    )


def test_a_run_may_stop_after_a_tuning_that_lost_a_process(tmp_path):
    folder = tmp_path / "run"
    chain(folder).set_inner_cv(4).tune("Ridge")
    [file] = (folder / "trials").iterdir()
    backend = optuna.storages.journal.JournalFileBackend(str(file))
    storage = optuna.storages.JournalStorage(backend)
    optuna.load_study(study_name=None, storage=storage).ask()  # and killed
    first = chain(folder).set_inner_cv(4).perform().results
    shutil.rmtree(folder / "units")
    same(first, chain(folder).set_inner_cv(4).perform().results)


@pytest.mark.parametrize("other", [{"high": 50.0}, {"rows": 61}], ids=str)
def test_trials_made_with_another_table_or_space_are_refused(tmp_path, other):
    file = tmp_path / "trials.log"
    chain().tune("Ridge", storage=file)
    with pytest.raises(
        StorageError, match="were made with another table or other settings"
    ):
        chain(**other).tune("Ridge", storage=file)


def test_a_half_tuned_unit_with_other_settings_is_refused(tmp_path):
    chain(tmp_path / "run").tune("Ridge", fold=1)
    with pytest.raises(StorageError, match=r"perform\(resume=False\) to start over"):
        chain(tmp_path / "run", high=50.0).perform()
    assert len(chain(tmp_path / "run", high=50.0).perform(resume=False).results) == 1


REFUSED = {
    "model": (lambda: chain().tune("Rigde"), "`model` must be 'Ridge', got 'Rigde'; did you mean 'Ridge'?"),
    "fold": (lambda: chain().tune("Ridge", fold=2), "there is no fold 2 of repeat 0; the plan has 2 folds, counted from 0: "),
    "untuned": (lambda: chain().add_model(Ridge, model_name="Plain").tune("Plain"), "'Plain' has nothing to tune; pass `params` to add_model first."),
    "storage": (lambda: TrialStore(3, "unit"), "`storage` must be a journal file, a database's URL or an Optuna storage, got int."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_calls_are_refused_in_one_sentence(case):
    call, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value).startswith(message)


def test_each_trial_draws_from_a_generator_of_its_own():
    def drawn(skip):
        study = optuna.create_study(sampler=TrialSampler(None, seed=5))
        for number in range(4):
            trial = study.ask()
            if number not in skip:
                trial.suggest_float("x", 0, 1)
            study.tell(trial, 1.0)
        return study.trials[3].params["x"]

    assert drawn(skip=()) == drawn(skip=(0, 2))
