import pytest

from flexcv.errors import StorageError
from flexcv.tracking.ledger import (
    LEDGER_FILE,
    Ledger,
    address_of,
    place_below,
    running_elsewhere,
)

HERE, THERE = ("sqlite:///here.db", "1"), ("https://there", "2")


def test_what_was_noted_is_known_later(tmp_path):
    file = tmp_path / LEDGER_FILE
    Ledger(file, HERE).put("Ridge", "abc", "running")

    known = Ledger(file, HERE).get("Ridge")

    assert (known.id, known.status, known.has_ended) == ("abc", "running", False)


def test_stores_do_not_disturb_each_other(tmp_path):
    file = tmp_path / LEDGER_FILE
    Ledger(file, HERE).put("", "abc", "running")
    Ledger(file, THERE).put("", "def", "finished")

    Ledger(file, THERE).forget()

    assert Ledger(file, HERE).get("").id == "abc"
    assert Ledger(file, THERE).get("") is None


def test_the_innermost_runs_are_ended_first(tmp_path):
    ledger = Ledger(tmp_path / LEDGER_FILE, HERE)
    for place in ("", "Ridge", "Ridge/fold 0"):
        ledger.put(place, place, "running")

    assert [place for place, _ in ledger.running()] == ["Ridge/fold 0", "Ridge", ""]


def test_only_runs_of_other_stores_are_found_running(tmp_path):
    file = tmp_path / LEDGER_FILE
    Ledger(file, HERE).put("", "abc", "running")
    Ledger(file, THERE).put("", "def", "running")

    found = running_elsewhere(file, [HERE])

    assert [ledger.address for ledger in found] == [THERE]
    assert running_elsewhere(tmp_path / "none.json", []) == []


def test_no_secret_is_written_down():
    assert address_of("postgresql://me:pw@db/x", "1")[0] == "postgresql://***@db/x"


def test_a_name_with_a_slash_is_one_place():
    assert place_below(place_below("", "a/b"), "fold 0") == "a%2Fb/fold 0"


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": [{"store": 1}]}', '{"runs": 3}'])
def test_a_damaged_file_is_said_in_one_sentence(tmp_path, text):
    file = tmp_path / LEDGER_FILE
    file.write_text(text)

    with pytest.raises(StorageError) as error:
        Ledger(file, HERE)

    assert str(error.value).startswith(
        f"{str(file)!r} must be a list of MLflow's runs, but is damaged ("
    )
    assert str(error.value).endswith("; delete it to begin new runs there.")
