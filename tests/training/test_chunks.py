"""Scores and trainings spread over several jobs: the tables are those of a single one."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from audit_data import audit_settings, stores, write_snapshots
from gathered import parts, run_audit, run_naswot
from hypothesis import given
from hypothesis import strategies as st
from test_audit_stage import TIMES

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.run.chunk_results import read_chunks, write_chunk
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.naswot.stage import naswot
from surrogate_hpo.training.architecture_scores import score_all
from surrogate_hpo.training.chunks import chunk_of


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    return write_snapshots(tmp_path_factory.mktemp("snapshots"))


def scan_settings(chunks: int) -> NaswotSettings:
    return NaswotSettings(
        layers=[1, 2], widths=[4, 8, 16], activations=["tanh"], batch_size=10, chunks=chunks
    )


def scanned(snapshots: Path, out: Path, chunks: int) -> tuple[str, str]:
    found = stores(snapshots)
    given = {"descriptors": found["descriptors"], "ldos": found["ldos"][:1]}
    run_naswot(scan_settings(chunks), out, seed=1, **given)
    return (out / "scores.csv").read_text(), (out / "choice.json").read_text()


@given(st.integers(1, 30), st.integers(1, 8))
def test_every_architecture_is_in_exactly_one_chunk(count, chunks):
    architectures = [Architecture((width,), "tanh") for width in range(1, count + 1)]
    parts = [chunk_of(architectures, chunk, chunks=chunks) for chunk in range(chunks)]
    assert sorted(a.hidden_widths for part in parts for a in part) == [
        architecture.hidden_widths for architecture in architectures
    ]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("chunk", [-1, 3])
def test_a_chunk_that_is_not_there(chunk):
    with pytest.raises(ConfigError, match=r"(?s)no such chunk.*0 to 2.*got: " + str(chunk)):
        chunk_of([Architecture((1,), "tanh")], chunk, chunks=3)


def test_the_scan_in_chunks_gives_the_choice_of_one_job(snapshots, tmp_path):
    whole = scanned(snapshots, tmp_path / "whole", 1)
    # More chunks than architectures: some have nothing to do.
    for chunks in (3, 7):
        out = tmp_path / str(chunks)
        assert scanned(snapshots, out, chunks) == whole
        assert not list((out / "state").iterdir())
    assert [len(read_chunks([p]).results) for p in parts(tmp_path / "3", 3)] == [2, 2, 2]


def test_the_audit_in_chunks_gives_the_tables_of_one_job(snapshots, tmp_path):
    def run(out: Path, chunks: int) -> list[dict[str, str]]:
        settings = audit_settings(chunks=chunks, architectures=8)
        run_audit(settings, out, seed=5, **stores(snapshots))
        with (out / "scores.csv").open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]

    whole = run(tmp_path / "whole", 1)
    assert run(tmp_path / "parts", 2) == whole
    found = [read_chunks([path]).results for path in parts(tmp_path / "parts", 2)]
    assert [len(results) for results in found] == [4 * (2 + 3)] * 2


def results_file(path: Path, *, settings: int = 1, key: str = "a", **facts: object) -> Path:
    made = {"code": "c", "settings": {"points": settings}, "seed": 1, "inputs": {"x/y": "0"}}
    write_chunk(path, {key: {"value": math.nan}}, made, **facts)
    return path


def test_what_does_not_belong_together_is_not_gathered(tmp_path):
    first = results_file(tmp_path / "0.json")
    whole = read_chunks([first, results_file(tmp_path / "1.json", key="b")])
    assert list(whole.results) == ["a", "b"]
    assert math.isnan(whole.results["a"]["value"])
    message = r"(?s)not the chunks of one stage.*0\.json and .*1\.json.*{}.*delete the folder"
    for changes, words in (
        ({"key": "b", "settings": 2}, "other settings; twice: none"),
        ({"key": "b", "minibatch_points": 3}, "other facts; twice: none"),
        ({}, r"twice: \['a'\]"),
    ):
        other = results_file(tmp_path / "1.json", **changes)
        with pytest.raises(DataError, match=message.format(words)):
            read_chunks([first, other])


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"results": [1], "facts": {}, "provenance": {"inputs": {}}}',
     '{"results": {}, "facts": {}, "provenance": {}}'],
)  # fmt: skip
def test_a_file_that_no_chunk_has_written(tmp_path, content):
    (tmp_path / "0.json").write_text(content)
    with pytest.raises(DataError, match=r"(?s)not what a chunk of a stage writes.*0\.json"):
        read_chunks([tmp_path / "0.json"])


def test_a_chunk_that_is_missing_is_noticed(snapshots, tmp_path):
    scanned(snapshots, tmp_path, 2)
    with pytest.raises(
        DataError, match=r"(?s)cannot be read.*activation_patterns 8 tanh.*got: nothing"
    ):
        naswot(
            settings=scan_settings(2),
            seed=1,
            chunks=parts(tmp_path, 1),
            scores=tmp_path / "s.csv",
            choice=tmp_path / "c.json",
        )


def test_a_stored_score_is_the_score(tmp_path):
    architecture = Architecture((4,), "tanh")
    score = ArchitectureScore(
        architecture, 20, 10, (0.1, math.nan), math.nan, math.inf, 1 / 3, "nan", seconds=0.5
    )

    class Known:
        name = "naswot"
        calls = 0

        def __call__(self, scored, *_, **__):
            self.calls += 1
            return replace(score, architecture=scored)

    proxy, store = Known(), EvaluationStore(tmp_path)
    arguments = {"stage": "audit", "seed": 0, "initialisations": 2}
    for _ in range(2):
        (found,) = score_all([architecture], proxy, None, store, **arguments)
        assert repr(found) == repr(score)
    assert proxy.calls == 1
    (other,) = score_all([Architecture((5,), "tanh")], proxy, None, store, **arguments)
    assert repr(other) == repr(replace(score, architecture=Architecture((5,), "tanh")))
    assert proxy.calls == 2


def test_the_number_of_chunks_decides_nothing():
    assert scan_settings(1).deciding() == scan_settings(5).deciding()
    assert audit_settings().deciding() == audit_settings(chunks=3).deciding()
    assert AcsdAuditSettings().deciding() == AcsdAuditSettings(chunks=3).deciding()
