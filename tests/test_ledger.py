"""The ledger of finished pieces survives a kill at any byte."""

import math

import pytest

from surrogate_hpo.io.ledger import Ledger


def test_records_are_found_again_infinities_included(tmp_path):
    ledger = Ledger(tmp_path / "new" / "a.jsonl")
    assert len(ledger) == 0
    ledger["64x64 relu/0"] = {"error": math.inf, "status": "diverged"}
    ledger["64x64 relu/1"] = {"error": 0.1, "status": "ok"}
    again = Ledger(tmp_path / "new" / "a.jsonl")
    assert len(again) == 2
    assert again["64x64 relu/0"] == {"error": math.inf, "status": "diverged"}
    assert "64x64 relu/2" not in again


@pytest.mark.parametrize("lost", range(1, 40))
def test_a_torn_last_line_is_dropped_and_the_next_record_is_whole(tmp_path, lost):
    path = tmp_path / "a.jsonl"
    ledger = Ledger(path)
    for number in range(3):
        ledger[f"key {number}"] = {"value": number}
    content = path.read_bytes()
    path.write_bytes(content[:-lost])
    torn = Ledger(path)
    kept = content[:-lost].count(b"\n")
    assert len(torn) == kept
    torn["after"] = {"value": 9}
    assert Ledger(path)["after"] == {"value": 9}
    assert len(Ledger(path)) == kept + 1
