"""The jobs of single held-out snapshots, their documents, and what the stage makes of them."""

import csv
import json
import math
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from tiny_workflow import REPOSITORY

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.data.models import TrainedModel, write_model
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.error_bar import ErrorBar, ForceErrorBar
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import fit_input_scaler, fit_output_scaler
from surrogate_hpo.predict.energies import QUANTITIES, SnapshotEnergies
from surrogate_hpo.predict.error_bars import ErrorBars, read_error_bars, write_error_bars
from surrogate_hpo.run.cost import Cost
from surrogate_hpo.stages.evaluate.evaluated import read_evaluated, write_evaluated
from surrogate_hpo.stages.evaluate.ldos_samples import PERCENTILES, LdosSample
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings
from surrogate_hpo.stages.evaluate.snapshot import evaluate_snapshot
from surrogate_hpo.stages.evaluate.stage import evaluate
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

GRID, COMPONENTS = (8, 8, 8), 14
ENERGY = np.arange(-4.0, 16.25, 0.25)
DEFINITION = DescriptorDefinition(4.0, 4, {"Al": 1.0}, {"Al": 0.5})
UPF = REPOSITORY / "pseudopotentials" / "Al.hgh-lda.UPF"
FORCE_BAR = ForceErrorBar(1.5, 0.01, 4)
SNAPSHOTS = ("test-0000", "test-0001", "test-0002")


def dft_result(number: int) -> DftResult:
    """Numbers of a calculation that nobody has made."""
    energies = {field: -50.0 - index + 0.1 * number for index, field in enumerate(QUANTITIES)}
    fields = {"k_points": np.zeros((1, 3)), "positions": bulk("Al", cubic=True).positions}
    return DftResult(
        **{QUANTITIES[name]: value for name, value in energies.items()} | {"fermi_energy": 8.0},
        **fields,
        electrons=12.0, eigenvalues=np.zeros((1, 1)), occupations=np.ones((1, 1)),
        k_weights=np.array([2.0]), fft_grid=GRID, wavefunction_cutoff=100.0,
        density_cutoff=400.0, density_cutoff_rydberg=29.4, cell=4.05 * np.eye(3),
        species=("Al",) * 4, functional="lda_pz", pseudopotentials={"Al": UPF.name},
        norm_conserving=True, symmetry_operations=1, smearing="fd",
        smearing_width=5000 * BOLTZMANN_EV_PER_KELVIN, converged=True, scf_steps=5,
        scf_accuracy=1e-9, version="7.2",
    )  # fmt: skip


def write_snapshot(folder: Path, name: str, number: int) -> None:
    """The free electron gas, modulated in space, as the LDOS."""
    generator = np.random.default_rng(number)
    atoms = bulk("Al", cubic=True)
    write_structure(folder / f"{name}.extxyz", atoms)
    write_dft_result(folder / f"{name}.json", dft_result(number), {})
    modulation = 1 + 0.2 * generator.random((*GRID, 1))
    states = np.sqrt(np.clip(ENERGY, 0, None)) * 0.795 / 4.05**3
    ldos = (modulation / modulation.mean() * states).astype(np.float32)
    data = LdosData(ldos, LdosAxis(ENERGY, "gaussian", 0.5), atoms.cell[:], 12.0)
    write_ldos(folder / f"{name}.ldos.zarr.zip", data, {})
    values = generator.normal(size=(*GRID, COMPONENTS)).astype(np.float32)
    descriptors = DescriptorData(values, atoms.cell[:], DEFINITION)
    write_descriptors(folder / f"{name}.snap.zarr.zip", descriptors, {})


def write_network(path: Path, ldos: np.ndarray, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(500, COMPONENTS, generator=generator)
    rows = torch.from_numpy(ldos.reshape(-1, len(ENERGY)))
    architecture = Architecture((4,), "tanh")
    model = SurrogateModel(
        architecture,
        build_network(architecture, inputs=COMPONENTS, outputs=len(ENERGY), seed=seed),
        fit_input_scaler(points, "standardised"),
        fit_output_scaler(rows, "standardised"),
    )
    path.parent.mkdir(exist_ok=True)
    write_model(path, TrainedModel(model, LdosAxis(ENERGY, "gaussian", 0.5), DEFINITION), {})


def evaluate_one(folder: Path, name: str, output: Path, **settings: object) -> None:
    evaluate_snapshot(
        settings=EvaluateSettings(**settings),
        seed=1,
        threads=1,
        models=sorted(folder.glob("*/model.pt")),
        structure=folder / f"{name}.extxyz",
        dft=folder / f"{name}.json",
        descriptors=folder / f"{name}.snap.zarr.zip",
        ldos=folder / f"{name}.ldos.zarr.zip",
        pseudopotentials=[UPF],
        energies=output,
    )


def gather(
    folder: Path,
    *,
    parts: list[Path] | None = None,
    transfer: list[Path] | None = None,
    settings: EvaluateSettings | None = None,
) -> Path:
    evaluate(
        settings=settings or EvaluateSettings(),
        seed=1,
        snapshots=parts or [folder / "snapshots" / f"{name}.json" for name in SNAPSHOTS],
        structures=[
            folder / f"{path.stem}.extxyz"
            for path in parts or [folder / f"{name}.json" for name in SNAPSHOTS]
        ],
        training_dft=sorted(folder.glob("training-*.json")),
        training_structures=sorted(folder.glob("training-*.extxyz")),
        transfer=transfer,
        error_bar=folder / "error_bar.json",
        costs=[folder / "cost.json"],
        **{
            n: folder / f"{n}.csv"
            for n in ("energies", "errors", "classes", "dos", "ldos_samples", "forces")
        },
        summary=folder / "summary.json",
    )
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """Three held-out snapshots, two networks; evaluated and gathered."""
    folder = tmp_path_factory.mktemp("evaluate")
    for number, name in enumerate(SNAPSHOTS):
        write_snapshot(folder, name, number)
    for number in range(2):
        write_dft_result(folder / f"training-{number:04}.json", dft_result(number), {})
        write_structure(folder / f"training-{number:04}.extxyz", bulk("Al", cubic=True))
    ldos = read_ldos(folder / "test-0000.ldos.zarr.zip").values
    for seed in range(2):
        write_network(folder / str(seed) / "model.pt", ldos, seed)
    write_document(folder / "cost.json", asdict(Cost("train", 3.0, 2.0, 0.0, 100.0, 1, 0)))
    bar = ErrorBar(2.0, 1.0, 9, 3)
    write_error_bars(folder / "error_bar.json", ErrorBars(bar, FORCE_BAR), {})
    (folder / "snapshots").mkdir()
    for name in SNAPSHOTS:
        evaluate_one(folder, name, folder / "snapshots" / f"{name}.json")
    return gather(folder)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


# --- one snapshot ---


def test_a_snapshot_has_energies_from_dft_the_reference_and_every_network(case):
    part = read_evaluated(case / "snapshots" / "test-0001.json")
    assert (part.name, part.sources) == ("test-0001", ["dft", "reference_ldos", "seed-0", "seed-1"])
    assert part.energies[0].energies["total_free_energy"] == dft_result(1).total_free_energy
    ewald = {row.energies["ewald_energy"] for row in part.energies[1:]}
    assert len(ewald) == 1, "the ions are the same for all"
    assert len({row.energies["band_energy"] for row in part.energies}) == 4


def test_the_density_of_states_is_the_sum_of_the_ldos(case):
    part = read_evaluated(case / "snapshots" / "test-0001.json")
    data = read_ldos(case / "test-0001.ldos.zarr.zip")
    expected = data.values.sum(axis=(0, 1, 2), dtype=np.float64) * data.volume_element
    assert part.energies[1].dos == pytest.approx(expected, rel=1e-12)
    assert part.energies[1].energy_axis.tolist() == ENERGY.tolist()
    assert len(part.energies[0].dos) == 0, "DFT's own is not known"


def test_samples_are_the_ldos_at_their_points(case):
    part = read_evaluated(case / "snapshots" / "test-0001.json")
    values = read_ldos(case / "test-0001.ldos.zarr.zip").values
    states = values.sum(axis=3)
    assert [sample.point for sample in part.samples] == list(PERCENTILES)
    found = [states[sample.index] for sample in part.samples]
    assert found == sorted(found)
    for sample, percentile in zip(part.samples, PERCENTILES.values(), strict=True):
        assert sample.ldos["reference_ldos"] == values[sample.index].tolist()
        below = (states < states[sample.index]).mean()
        assert below == pytest.approx(percentile / 100, abs=0.01)


def test_blocks_of_points_change_nothing_but_rounding(case, tmp_path):
    evaluate_one(case, "test-0001", tmp_path / "small.json", block_points=100)
    small, whole = (
        read_evaluated(path)
        for path in (tmp_path / "small.json", case / "snapshots/test-0001.json")
    )
    for one, other in zip(small.energies, whole.energies, strict=True):
        assert dict(one.energies) == pytest.approx(dict(other.energies), rel=1e-6)


@given(
    st.lists(st.floats(allow_infinity=False), min_size=len(QUANTITIES), max_size=len(QUANTITIES)),
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=5),
)
def test_documents_keep_all_digits_and_what_is_no_number(tmp_path_factory, energies, values):
    path = tmp_path_factory.getbasetemp() / "round-trip.json"
    axis, nothing = np.arange(len(values), dtype=float) / 3, np.empty(0)
    quantities = dict(zip(QUANTITIES, energies, strict=True))
    reference = SnapshotEnergies("x", "reference_ldos", 4, quantities, axis, np.array(values))
    dft = replace(reference, source="dft", energy_axis=nothing, dos=nothing)
    sample = LdosSample("median point", (1, 2, 3), {"reference_ldos": values})
    write_evaluated(path, [dft, reference], [sample], {"inputs": {"a": "b"}})
    part = read_evaluated(path)
    for one, other in zip(part.energies, (dft, reference), strict=True):
        assert one.as_row().keys() == other.as_row().keys()
        for found, expected in zip(one.as_row().values(), other.as_row().values(), strict=True):
            assert found == expected or (math.isnan(found) and math.isnan(expected))
        assert list(one.dos_rows()) == list(other.dos_rows())
    assert part.samples == [sample]
    assert part.inputs == {"a": "b"}


def test_the_temperature_of_the_ions_comes_from_the_structure(case, tmp_path):
    content = json.loads((case / "snapshots/test-0001.json").read_text())
    assert content["temperature_kelvin"] is None
    content["temperature_kelvin"] = 298.0
    write_document(tmp_path / "x.json", content)
    part = read_evaluated(tmp_path / "x.json")
    assert {row.temperature for row in part.energies} == {298.0}
    del content["temperature_kelvin"]
    write_document(tmp_path / "x.json", content)
    assert {row.temperature for row in read_evaluated(tmp_path / "x.json").energies} == {None}


# --- all of them ---


def test_the_tables_hold_snapshot_after_snapshot(case):
    table = rows(case / "energies.csv")
    sources = ["dft", "reference_ldos", "seed-0", "seed-1"]
    expected = [(name, source) for name in SNAPSHOTS for source in sources]
    assert [(row["snapshot"], row["source"]) for row in table[:-3]] == expected
    assert [(row["snapshot"], row["source"]) for row in table[-3:]] == [
        (name, "baseline") for name in SNAPSHOTS
    ]
    dos = rows(case / "dos.csv")
    assert len(dos) == 3 * 3 * len(ENERGY)
    samples = rows(case / "ldos_samples.csv")
    assert {row["snapshot"] for row in samples} == {"test-0000"}
    assert len(samples) == 3 * 3 * len(ENERGY)


def test_errors_are_those_of_the_energies(case):
    table = rows(case / "energies.csv")

    def per_atom(source: str) -> np.ndarray:
        found = [float(row["band_energy_ev"]) for row in table if row["source"] == source]
        return np.array(found) / 4 * 1000

    errors = [np.abs(per_atom(f"seed-{n}") - per_atom("dft")).mean() for n in range(2)]
    summary = json.loads((case / "summary.json").read_text())
    found = summary["band_energy"]
    assert found["mae_mev_per_atom"] == pytest.approx(np.mean(errors))
    assert found["std_over_seeds"] == pytest.approx(np.std(errors, ddof=1))
    floor = np.abs(per_atom("reference_ldos") - per_atom("dft")).mean()
    assert found["discretisation_error_mev_per_atom"] == pytest.approx(floor)
    counts = {
        k: summary[k] for k in ("held_out_snapshots", "training_snapshots", "initialisations")
    }
    assert counts == {"held_out_snapshots": 3, "training_snapshots": 2, "initialisations": 2}
    assert [row["quantity"] for row in rows(case / "errors.csv")] == [
        name for name in QUANTITIES if name != "fermi_energy"
    ]


def test_expected_errors_stand_beside_the_true_ones(case):
    summary = json.loads((case / "summary.json").read_text())
    assert summary["error_bar"] == {
        "spread_factor": 2.0,
        "constant_ev_per_atom": 1.0,
        "left_out_snapshots": 9,
        "validation_snapshots": 3,
    }
    table = [row for row in rows(case / "energies.csv") if row["source"].startswith("seed-")]
    bars, within = [], []
    for number, name in enumerate(SNAPSHOTS):
        found = [float(r["total_free_energy_ev"]) / 4 for r in table if r["snapshot"] == name]
        bars.append(math.hypot(2 * np.std(found, ddof=1), 1.0))
        within.append(abs(np.mean(found) - dft_result(number).total_free_energy / 4) <= bars[-1])
    for errors in (summary, summary["classes"][0]):
        found = errors["total_free_energy"]
        assert found["error_bar_mev_per_atom"] == pytest.approx(1000 * np.mean(bars))
        assert found["within_error_bar"] == pytest.approx(np.mean(within))
    assert "within_error_bar" not in summary["band_energy"]


def test_error_bars_survive_their_file_and_others_are_refused(tmp_path):
    path = tmp_path / "error_bar.json"
    bar, forces = ErrorBar(1.5, 2e-3, 20, 4), ForceErrorBar(1.2, 3e-3, 4)
    for bars in (ErrorBars(bar, forces), ErrorBars(bar, None), ErrorBars(None, None)):
        write_error_bars(path, bars, {})
        assert read_error_bars(path) == bars
    write_document(path, {"total_free_energy": {"spread_factor": "x"}, "provenance": {}})
    with pytest.raises(DataError, match=r"not an error bar(.|\n)*error_bar.json"):
        read_error_bars(path)


def test_the_provenance_names_all_files_behind_the_errors(case):
    inputs = json.loads((case / "summary.json").read_text())["provenance"]["inputs"]
    names = {name.partition("/")[2] for name in inputs}
    for name in SNAPSHOTS:
        assert {f"{name}.json", f"{name}.ldos.zarr.zip", f"{name}.snap.zarr.zip"} <= names
    assert {"0/model.pt", "1/model.pt"} <= set(inputs)
    assert {"training-0000.json", UPF.name} <= names


def test_the_summary_says_what_the_errors_are_worth(case):
    found = json.loads((case / "summary.json").read_text())
    table = rows(case / "energies.csv")

    def per_atom(source: str) -> np.ndarray:
        values = [float(row["band_energy_ev"]) for row in table if row["source"] == source]
        return np.array(values) / 4 * 1000

    energy = found["band_energy"]
    mean = (per_atom("seed-0") + per_atom("seed-1")) / 2
    assert energy["ensemble_mae_mev_per_atom"] == pytest.approx(
        np.abs(mean - per_atom("dft")).mean()
    )
    assert energy["largest_error_mev_per_atom"] == pytest.approx(
        np.abs(mean - per_atom("dft")).max()
    )
    # DFT: 0, 0.1 and 0.2 eV above the first; the training has the first two.
    baseline = np.abs(per_atom("dft") - per_atom("dft")[:2].mean()).mean()
    assert energy["baseline_mev_per_atom"] == pytest.approx(baseline)
    assert energy["baseline_of"] == "training_mean"
    assert per_atom("baseline") == pytest.approx(per_atom("dft")[:2].mean())
    assert energy["skill"] == pytest.approx(energy["ensemble_mae_mev_per_atom"] / baseline)
    assert energy["correlation"] == pytest.approx(np.corrcoef(mean, per_atom("dft"))[0, 1])
    (only,) = found["classes"]
    assert {key: only[key] for key in ("atoms", "temperature_kelvin", "snapshots")} == {
        "atoms": 4,
        "temperature_kelvin": None,
        "snapshots": 3,
    }
    assert all(only[quantity] == found[quantity] for quantity in QUANTITIES)
    classes = rows(case / "classes.csv")
    assert [row["quantity"] for row in classes] == [n for n in QUANTITIES if n != "fermi_energy"]
    assert float(classes[1]["skill"]) == energy["skill"]
    assert found["control"] is None
    assert "so few structures" in found["control_reason"]


def test_snapshots_of_different_networks_are_refused(case, tmp_path):
    changed = json.loads((case / "snapshots/test-0002.json").read_text())
    changed["provenance"]["inputs"]["0/model.pt"] = "another"
    write_document(tmp_path / "test-0002.json", changed)
    parts = [case / "snapshots/test-0000.json", tmp_path / "test-0002.json"]
    message = rf"not all evaluated with the same files(.|\n)*{tmp_path}(.|\n)*0/model\.pt"
    with pytest.raises(DataError, match=message):
        gather(case, parts=parts)
    del changed["energies"]["seed-1"]
    write_document(tmp_path / "test-0002.json", changed)
    with pytest.raises(DataError, match=r"expected: dft, reference_ldos, seed-0, seed-1\n"):
        gather(case, parts=parts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("dos_per_ev"), "missing dos_per_ev"),
        (lambda c: c["energies"]["dft"].pop("ewald_energy_ev"), "KeyError: 'ewald_energy_ev'"),
        (lambda c: c.update(ldos_samples=[1]), "AttributeError"),
    ],
)
def test_other_documents_are_refused(case, tmp_path, change, message):
    content = json.loads((case / "snapshots/test-0000.json").read_text())
    change(content)
    write_document(tmp_path / "x.json", content)
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path / 'x.json'))}(.|\n)*{message}"):
        read_evaluated(tmp_path / "x.json")


def test_gathering_starts_no_torch():
    code = "import sys, surrogate_hpo.stages.evaluate.stage; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
