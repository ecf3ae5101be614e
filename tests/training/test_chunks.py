"""Scores and trainings spread over several jobs: the tables are those of a single one."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from audit_data import audit_settings, stores, write_snapshots
from hypothesis import given
from hypothesis import strategies as st
from test_audit_stage import TIMES

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.audit.chunk import audit_chunk
from surrogate_hpo.stages.audit.stage import audit
from surrogate_hpo.stages.naswot.chunk import naswot_chunk
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.naswot.stage import naswot
from surrogate_hpo.training.chunks import chunk_of, score_all


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    return write_snapshots(tmp_path_factory.mktemp("snapshots"))


def scan_settings(chunks: int) -> NaswotSettings:
    return NaswotSettings(
        layers=[1, 2], widths=[4, 8, 16], activations=["tanh"], batch_size=10, chunks=chunks
    )


def scanned(snapshots: Path, out: Path, chunks: int) -> tuple[str, str]:
    found = stores(snapshots)
    naswot(
        settings=scan_settings(chunks),
        seed=1,
        descriptors=found["descriptors"],
        ldos=found["ldos"][:1],
        scores=out / "scores.csv",
        choice=out / "choice.json",
        state=out / "state",
    )
    return (out / "scores.csv").read_text(), (out / "choice.json").read_text()


def scan_part(snapshots: Path, out: Path, chunk: int, chunks: int) -> list[str]:
    found = stores(snapshots)
    naswot_chunk(
        settings=scan_settings(chunks),
        seed=1,
        chunk=chunk,
        descriptors=found["descriptors"],
        ldos=found["ldos"][:1],
        marker=out / "marker.json",
        state=out / "state",
    )
    return json.loads((out / "marker.json").read_text())["architectures"]


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


def test_the_scan_in_chunks_gives_the_choice_of_one_job(snapshots, tmp_path, caplog):
    caplog.set_level("INFO")
    whole = scanned(snapshots, tmp_path / "whole", 1)
    # Chunk 1 was lost: the stage does what is missing.
    parts = [scan_part(snapshots, tmp_path / "parts", chunk, 3) for chunk in (0, 2)]
    assert [len(part) for part in parts] == [2, 2]
    caplog.clear()
    assert scanned(snapshots, tmp_path / "parts", 3) == whole
    assert len([m for m in caplog.messages if "naswot " in m and m.endswith("ok")]) == 2
    assert not list((tmp_path / "parts" / "state").iterdir())


def test_the_audit_in_chunks_gives_the_tables_of_one_job(snapshots, tmp_path):
    def run(out: Path, chunks: int) -> list[dict[str, str]]:
        audit(
            settings=audit_settings(chunks=chunks, architectures=8),
            seed=5,
            **stores(snapshots),
            scores=out / "scores.csv",
            agreement=out / "agreement.csv",
            verdict=out / "verdict.json",
            state=out / "state",
        )
        with (out / "scores.csv").open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        return [{k: v for k, v in row.items() if k not in TIMES} for row in rows]

    whole = run(tmp_path / "whole", 1)
    for chunk in range(2):
        audit_chunk(
            settings=audit_settings(chunks=2, architectures=8),
            seed=5,
            chunk=chunk,
            **stores(snapshots),
            marker=tmp_path / f"{chunk}.json",
            state=tmp_path / "parts" / "state",
        )
    (folder,) = (tmp_path / "parts" / "state").iterdir()
    assert len(EvaluationStore(folder / "trainings")) == 8 * 2
    assert len(EvaluationStore(folder / "scores")) == 8 * 3
    assert run(tmp_path / "parts", 2) == whole


def test_a_stored_score_is_the_score(tmp_path):
    architecture = Architecture((4,), "tanh")
    score = ArchitectureScore(
        architecture, 20, 10, (0.1, math.nan), math.nan, math.inf, 1 / 3, "nan", seconds=0.5
    )

    class Known:
        name = "naswot"
        calls = 0

        def __call__(self, *_, **__):
            self.calls += 1
            return score

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
