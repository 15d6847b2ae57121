"""Imports that are written as strings count in the import contracts, too."""

import ast
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import flexcv

ROOT = Path(__file__).parents[1]
BACKENDS = ("local", "mlflow", "neptune", "wandb")


def late_imports(source):
    """Name own modules that `import_module` is told to import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            "import_module"
        ):
            text = ast.unparse(node.args[0]).strip("f").strip("'\"")
            if text == "flexcv.tracking.{backend}":
                yield from (f"flexcv.tracking.{name}" for name in BACKENDS)
            elif text.startswith("flexcv."):
                yield text


def lint(folder):
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path):
    """The package with every late import written out."""
    shutil.copytree(ROOT / "flexcv", tmp_path / "flexcv")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path in (tmp_path / "flexcv").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        written = "".join(f"\nimport {name}" for name in late_imports(source))
        path.write_text(source + written, encoding="utf-8")
    return tmp_path


def test_late_imports_keep_the_contracts(copied):
    found = lint(copied)
    assert found.returncode == 0, found.stdout[-4000:]


def test_the_gate_sees_a_late_import_that_runs_upwards(copied):
    path = copied / "flexcv" / "records.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nimport flexcv.interface")
    assert lint(copied).returncode != 0


def test_strings_are_found():
    source = 'importlib.import_module("flexcv.plots").f\nimport_module("numpy")'
    assert list(late_imports(source)) == ["flexcv.plots"]


def test_the_top_level_loads_what_it_names_when_asked():
    tree = ast.parse(Path(flexcv.__file__).read_text(encoding="utf-8"))
    named = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
        if alias.asname == alias.name
    }
    assert named == flexcv._ROOMS
    assert sorted(named) == flexcv.__all__
    assert set(named) <= set(dir(flexcv))
    for name, room in named.items():
        assert getattr(flexcv, name) is getattr(import_module(f"flexcv.{room}"), name)


def test_models_and_tables_are_loaded_without_the_engine():
    code = (
        "import sys; from flexcv.models import LinearMixedEffectsModel; "
        "from flexcv.datasets import load_radon; "
        "sys.exit('optuna' in sys.modules or 'flexcv.evaluation' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
