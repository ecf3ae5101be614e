"""Stored evaluations survive whatever ends the process, and are shared by several."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.evaluations import EvaluationStore

# Sets every key, each with its own name in the record; says what the store then holds.
WRITER = """
import json, pathlib, sys, time
from surrogate_hpo.files.evaluations import EvaluationStore
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
store = EvaluationStore(folder / "store")
(folder / name).touch()
while not (folder / "go").exists():
    time.sleep(0.001)
for number in range(60):
    store[f"key {number}"] = {"writer": name}
print(json.dumps({key: store[key]["writer"] for key in store}))
"""


def visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def test_records_survive_the_process(tmp_path):
    folder = tmp_path / "new" / "store"
    store = EvaluationStore(folder)
    assert len(store) == 0
    store["ä\n"] = {"value": "1.0", "reason": "a\nb"}
    store["b"] = {"value": "nan"}
    again = EvaluationStore(folder)
    assert dict(again) == {
        "ä\n": {"value": "1.0", "reason": "a\nb"},
        "b": {"value": "nan"},
    }
    assert "c" not in again
    with pytest.raises(KeyError):
        again["c"]
    assert len(list(folder.iterdir())) == 2


def test_numbers_that_are_not_finite_are_found_again(tmp_path):
    store = EvaluationStore(tmp_path / "store")
    store["64x64 relu/0"] = {"error": math.inf, "status": "diverged"}
    store["64x64 relu/1"] = {"errors": [-math.inf, 0.1], "status": "ok"}
    again = EvaluationStore(tmp_path / "store")
    assert again["64x64 relu/0"] == {"error": math.inf, "status": "diverged"}
    assert again["64x64 relu/1"] == {"errors": [-math.inf, 0.1], "status": "ok"}
    assert "64x64 relu/2" not in again
    for _ in range(2):
        store["64x64 relu/2"] = {"error": math.nan}  # again, though it equals nothing
    assert math.isnan(again["64x64 relu/2"]["error"])
    assert len(again) == len(visible(tmp_path / "store")) == 3


@given(st.floats())
def test_numbers_are_exact(tmp_path_factory, number):
    folder = tmp_path_factory.mktemp("exact")
    EvaluationStore(folder)["a"] = {"value": number}
    assert repr(EvaluationStore(folder)["a"]["value"]) == repr(number)


@pytest.mark.parametrize("record", [1.0, [1.0], None])
def test_a_record_is_a_mapping(tmp_path, record):
    with pytest.raises(ValueError, match="must be text, and a record a JSON object"):
        EvaluationStore(tmp_path / "store")["a"] = record
    assert not (tmp_path / "store").exists()


@given(st.integers(0, 10**6))
def test_wherever_the_last_record_is_torn_the_others_stay(tmp_path_factory, cut):
    """A killed process leaves what it has written under the temporary name."""
    folder = tmp_path_factory.mktemp("torn")
    store = EvaluationStore(folder)
    for number in range(2):
        store[str(number)] = {"value": str(number)}
    before = set(folder.iterdir())
    store["2"] = {"value": "2"}
    (last,) = set(folder.iterdir()) - before
    whole = last.read_bytes()
    last.rename(folder / ".partial-0")
    os.truncate(folder / ".partial-0", cut % len(whole))
    torn = EvaluationStore(folder)
    assert list(torn) == ["0", "1"]
    torn["2"] = {"value": "2"}
    assert last.read_bytes() == whole
    assert len(EvaluationStore(folder)) == 3


def test_opening_changes_nothing(tmp_path):
    folder = tmp_path / "store"
    EvaluationStore(folder)
    assert not folder.exists()
    EvaluationStore(folder)["a"] = {}
    (folder / ".partial-0").write_text('{"key"')
    before_opening = {path: path.read_bytes() for path in folder.iterdir()}
    assert list(EvaluationStore(folder)) == ["a"]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before_opening


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"key": "a", "rec',
        b"\0" * 30,
        b"\xff",
        b'{"key": "a", "record": [1]}\n',
        b'{"key": 1, "record": {}}\n',
        b'{"key": "a"}\n',
        b'["a", {"error": 0.1}]\n',
        b'{"key": "a", "record": {}}\n{"key": "b", "record": {}}\n',
    ],
)
def test_damage_is_told_with_its_file(tmp_path, content):
    store = EvaluationStore(tmp_path)
    store["a"] = {}
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"(?s)damaged.*{path.name}.*Delete it"):
        EvaluationStore(tmp_path)


def test_what_is_no_record_is_told(tmp_path):
    folder = tmp_path / "store"
    EvaluationStore(folder)["a"] = {}
    (record,) = folder.iterdir()
    copy = folder / f"{'0' * 32}.json"
    copy.write_bytes(record.read_bytes())
    with pytest.raises(DataError, match=rf"(?s){copy.name}.*{record.name}.*got: that of a"):
        EvaluationStore(folder)
    copy.unlink()
    (folder / "more").mkdir()
    with pytest.raises(DataError, match=r"(?s)/more.*got: a folder"):
        EvaluationStore(folder)
    (tmp_path / "old.jsonl").write_text('{"key": "a", "record": {}}\n')
    with pytest.raises(DataError, match=r"(?s)old\.jsonl.*a folder of evaluations.*got: a file"):
        EvaluationStore(tmp_path / "old.jsonl")


def test_a_store_that_is_written_elsewhere_is_discarded(tmp_path):
    store = EvaluationStore(tmp_path / "store")
    store.discard()
    store["a"] = {}
    store.discard()
    assert not list(tmp_path.iterdir())


def test_a_store_is_append_only(tmp_path):
    store = EvaluationStore(tmp_path)
    store["a"] = {"value": "1.0"}
    store["a"] = {"value": "1.0"}
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(DataError, match=r"(?s)another result.*one store for each"):
        store["a"] = {"value": "2.0"}
    with pytest.raises(TypeError, match="append-only"):
        del store["a"]


def test_half_a_record_of_a_full_disk_is_not_kept(tmp_path, monkeypatch):
    store = EvaluationStore(tmp_path)
    store["a"] = {"value": "1.0"}

    def full(handle):
        os.ftruncate(handle, 5)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store["b"] = {"value": "2.0"}
    assert "b" not in store
    store["c"] = {"value": "3.0"}
    assert list(EvaluationStore(tmp_path)) == ["a", "c"]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_another_has_finished_is_found_without_opening_anew(tmp_path):
    one, other = EvaluationStore(tmp_path), EvaluationStore(tmp_path)
    one["a"] = {"seconds": 1.0}
    assert "a" in other
    one["b"] = {"seconds": 2.0}
    assert (len(other), list(other)) == (2, ["a", "b"])


def test_of_two_that_make_the_same_evaluation_the_first_counts(tmp_path, caplog):
    caplog.set_level("INFO")
    one, other = EvaluationStore(tmp_path), EvaluationStore(tmp_path)
    one["a"] = {"seconds": 1.0}
    other["a"] = {"seconds": 2.0}
    assert one["a"] == other["a"] == EvaluationStore(tmp_path)["a"] == {"seconds": 1.0}
    assert "another process was first to finish a" in caplog.text


def test_processes_that_write_the_same_keys_at_once_end_with_the_same_records(tmp_path):
    names = ["a", "b", "c", "d"]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    while not all((tmp_path / name).exists() for name in names):
        assert all(writer.poll() is None for writer in writers)
        time.sleep(0.01)
    (tmp_path / "go").touch()
    seen = [json.loads(writer.communicate()[0]) for writer in writers]
    assert all(found == seen[0] for found in seen)
    assert seen[0] == {k: v["writer"] for k, v in EvaluationStore(tmp_path / "store").items()}
    assert len(list((tmp_path / "store").iterdir())) == len(seen[0]) == 60
    assert set(seen[0].values()) <= set(names)
