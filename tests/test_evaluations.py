"""Stored evaluations survive whatever ends the process."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.io.evaluations import EvaluationStore


def test_records_survive_the_process(tmp_path):
    path = tmp_path / "new" / "store.jsonl"
    store = EvaluationStore(path)
    assert len(store) == 0
    store["ä\n"] = {"value": "1.0", "reason": "a\nb"}
    store["b"] = {"value": "nan"}
    assert dict(EvaluationStore(path)) == {
        "ä\n": {"value": "1.0", "reason": "a\nb"},
        "b": {"value": "nan"},
    }
    assert path.read_bytes().count(b"\n") == 2


@given(st.integers(1, 10**6))
def test_wherever_the_last_line_is_torn_the_others_stay(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "store.jsonl"
    store = EvaluationStore(path)
    for number in range(3):
        store[str(number)] = {"value": str(number)}
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: len(whole) - 1 - cut % len(last)])
    torn = EvaluationStore(path)
    assert list(torn) == ["0", "1"]
    torn["2"] = {"value": "2"}
    assert path.read_bytes() == whole


def test_opening_changes_nothing(tmp_path):
    path = tmp_path / "store.jsonl"
    EvaluationStore(path)
    assert not path.exists()
    path.write_bytes(b'{"key": "a", "record": {}}\n{"key"')
    before_opening = path.read_bytes()
    assert list(EvaluationStore(path)) == ["a"]
    assert path.read_bytes() == before_opening


def test_damage_before_the_end_is_told_with_its_line(tmp_path):
    path = tmp_path / "store.jsonl"
    path.write_bytes(b'{"key": "a", "record": {}}\n{"key\n{"key": "b", "record": {}}\n')
    with pytest.raises(DataError, match=r"(?s)damaged.*line 2.*Delete the line"):
        EvaluationStore(path)


def test_a_store_is_append_only(tmp_path):
    store = EvaluationStore(tmp_path / "store.jsonl")
    store["a"] = {"value": "1.0"}
    store["a"] = {"value": "1.0"}
    assert (tmp_path / "store.jsonl").read_bytes().count(b"\n") == 1
    with pytest.raises(DataError, match=r"(?s)another result.*one store for each"):
        store["a"] = {"value": "2.0"}
    with pytest.raises(TypeError, match="append-only"):
        del store["a"]


def test_half_a_line_of_a_full_disk_is_overwritten(tmp_path, monkeypatch):
    path = tmp_path / "store.jsonl"
    store = EvaluationStore(path)
    store["a"] = {"value": "1.0"}

    def full(handle):
        os.ftruncate(handle, path.stat().st_size - 5)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store["b"] = {"value": "2.0"}
    assert "b" not in store
    store["c"] = {"value": "3.0"}
    assert list(EvaluationStore(path)) == ["a", "c"]
