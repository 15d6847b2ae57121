import json

import pytest

from flexcv.cli import main


@pytest.mark.slow
def test_the_demo_prints_both_tables_and_says_where_the_runs_are(tmp_path, capsys):
    folder = tmp_path / "demo"
    for _ in range(2):  # twice in a row
        assert main(["demo", "--folder", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "How well are known subjects predicted?" in out
    assert "How well are new subjects predicted?" in out
    assert "MERF(RandomForestRegressor)" in out
    assert str(folder) in out
    for name in ("known-subjects", "new-subjects"):
        run = json.loads((folder / name / "run.json").read_text())
        assert run["status"] == "finished"


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err
