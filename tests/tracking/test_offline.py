import base64
import json

import pytest

from flexcv.errors import StorageError
from flexcv.tracking.offline import read_offline


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def point(value, step=None):
    return {"value": value, "step": step, "ts": 0.0}


OPERATIONS = [
    {"type": "AssignString", "path": ["sys", "name"], "value": "demo"},
    {"type": "AssignFloat", "path": ["Ridge", "fold 0", "test", "mse"], "value": 0.5},
    {"type": "AssignInt", "path": ["parameters", "seed"], "value": 42},
    {"type": "AssignBool", "path": ["sys", "failed"], "value": False},
    {"type": "AssignDatetime", "path": ["day"], "value": 86_400_000},
    {"type": "AssignArtifact", "path": ["artifact"], "hash": "ab"},
    {"type": "LogFloats", "path": ["loss"], "values": [point(3.0), point(2.0)]},
    {"type": "LogFloats", "path": ["loss"], "values": [point(1.0, 7)]},
    {"type": "LogStrings", "path": ["log"], "values": [point("a"), point("b")]},
    {"type": "AddStrings", "path": ["sys", "tags"], "values": ["x", "y"]},
    {"type": "RemoveStrings", "path": ["sys", "tags"], "values": ["y"]},
    {
        "type": "UploadFileContent",
        "path": ["page"],
        "ext": "html",
        "file_content": encoded("<p>"),
    },
    {
        "type": "LogImages",
        "path": ["images"],
        "values": [point({"data": encoded("png"), "name": None, "description": None})],
    },
    {"type": "AssignInt", "path": ["gone"], "value": 1},
    {"type": "DeleteAttribute", "path": ["gone"]},
    {"type": "AFutureOne", "path": ["new"], "value": 1},
]


def write(folder, operations, name="data-1.log", end=""):
    """Write operations as the client does, into a run's folder."""
    home = folder / ".neptune" / "offline" / "run__1"
    (home / "upload_path").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"obj": entry, "version": 1}) + "\n" for entry in operations]
    (home / name).write_text("".join(lines) + end)
    return home


def test_every_kind_of_operation_is_read(tmp_path):
    write(tmp_path, OPERATIONS)

    (run,) = read_offline(tmp_path)

    assert run.title == "demo"
    assert run.numbers == {"Ridge/fold 0/test/mse": 0.5}
    assert run.settings == {
        "sys/name": "demo",
        "parameters/seed": 42,
        "sys/failed": False,
        "day": "1970-01-02T00:00:00+00:00",
        "artifact": "ab",
        "sys/tags": "x",
    }
    assert run.series == {"loss": [(0.0, 3.0), (1.0, 2.0), (7.0, 1.0)]}
    assert run.lines == {"log": ["a", "b"]}
    assert run.files["page"].content == b"<p>"
    assert run.files["images/0"].content == b"png"


def test_logs_are_read_in_the_order_of_their_versions(tmp_path):
    for number, value in ((10, 3.0), (2, 2.0), (1, 1.0)):
        entry = {"type": "LogFloats", "path": ["loss"], "values": [point(value)]}
        write(tmp_path, [entry], f"data-{number}.log")

    (run,) = read_offline(tmp_path)

    assert [value for _, value in run.series["loss"]] == [1.0, 2.0, 3.0]


def upload(name=None, path=None):
    entry = {"type": "UploadFile", "path": ["a"], "ext": "txt"}
    return entry | {"tmp_file_name": name, "file_path": path}


def test_uploaded_files_are_found(tmp_path):
    home = write(tmp_path, [upload(name="a-1.txt")])
    (home / "upload_path" / "a-1.txt").write_text("text")

    (run,) = read_offline(tmp_path)

    assert run.files["a"].content == b"text"


@pytest.mark.parametrize("by", ["name", "path"])
def test_no_file_outside_the_folder_is_read(tmp_path, by):
    (tmp_path / "secret.txt").write_text("secret")
    given = {
        "name": "../../../../../secret.txt",
        "path": str(tmp_path / "secret.txt"),
    }
    write(tmp_path / "mine", [upload(**{by: given[by]})])

    (run,) = read_offline(tmp_path / "mine")

    assert run.files == {}
    assert run.settings["a"].startswith("a file outside this folder: ")


def test_an_entry_that_a_killed_process_left_half_is_skipped(tmp_path):
    write(tmp_path, OPERATIONS[:2], end='{"obj": {"type": "AssignF')

    (run,) = read_offline(tmp_path)

    assert run.numbers == {"Ridge/fold 0/test/mse": 0.5}


@pytest.mark.parametrize(
    "line",
    ["{", '{"obj": 3}', '{"obj": {"type": "LogFloats", "path": ["a"], "values": 3}}'],
)
def test_damage_is_said_in_one_sentence(tmp_path, line):
    home = write(tmp_path, [], end=f"{line}\n" + json.dumps({"obj": OPERATIONS[0]}))

    with pytest.raises(StorageError) as error:
        read_offline(tmp_path)

    assert str(error.value).startswith(
        f"{str(home / 'data-1.log')!r} must hold Neptune's operations as JSON, but is "
        "damaged ("
    )
    assert str(error.value).endswith("; move it away to see the other runs.")


def test_a_folder_without_a_run_is_said_in_one_sentence(tmp_path):
    with pytest.raises(StorageError) as error:
        read_offline(tmp_path)

    assert str(error.value) == (
        f"{str(tmp_path)!r} must hold a run that Neptune's client wrote offline, and "
        "has none; pass the folder that holds '.neptune'."
    )
