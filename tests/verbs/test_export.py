"""Export in MALA's form, and back: the same numbers, bit for bit; real MALA reads it."""

import dataclasses
import json
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from finished_data import (
    DFT,
    ELECTRONS,
    FERMI_ENERGY,
    LDOS,
    band_energy,
    displaced_cell,
    edit_sidecar,
    ldos_values,
    result_of,
    write_snapshot,
)
from tiny_workflow import REPOSITORY

from surrogate_hpo.cli import main
from surrogate_hpo.data.descriptor_store import DescriptorData, read_descriptors, write_descriptors
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.finished.sizes import size_of_finished
from surrogate_hpo.formats.mala import writer as mala_writer
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.stages.dft.settings import DftSettings

MALA = REPOSITORY / ".venv-mala" / "bin" / "python"
SHAPE = (5, 4, 6)
NO_MORE = DftSettings(pseudopotentials={"Al": "Al.UPF"}).supplement()


@pytest.fixture
def run(project) -> Path:
    """A run of one config with all files of its snapshots, all alike."""
    values = yaml.safe_load((project / "config.yaml").read_text())
    values["snapshots"] |= {"training": 2, "validation": 1, "test": 1}
    (project / "config.yaml").write_text(yaml.safe_dump(values))
    original = result_of(write_snapshot(project, shape=SHAPE))
    bands = np.arange(8, dtype=float).reshape(2, 4)
    result = dataclasses.replace(
        original,
        xc_potential_energy=38.9,
        eigenvalues=bands,
        occupations=np.ones((2, 4)),
        k_weights=np.array([0.5, 1.5]),
        k_points=np.ones((2, 3)) / 3,
        version="7.2",
        # Not what the temperature in the file gives back: it must come from elsewhere.
        smearing_width=0.1 + 0.2,
    )
    # As the workflow has it: extended xyz keeps eight decimals.
    write_structure(project / "a.extxyz", displaced_cell())
    atoms = read_structure(project / "a.extxyz")
    ldos = LdosData(
        ldos_values(atoms, SHAPE), LdosAxis(LDOS.energy, "gaussian", 0.5), result.cell, ELECTRONS
    )
    snap = bispectrum(
        grid_points(SHAPE, atoms.cell[:]),
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=4.0,
        twojmax=2,
    )
    descriptors = DescriptorData(
        snap.reshape(*SHAPE, -1).astype(np.float32),
        atoms.cell[:],
        DescriptorDefinition(cutoff_radius=4.0, twojmax=2),
    )
    for name in ("training-0000", "training-0001", "validation-0000", "test-0000"):
        write_structure(project / f"results/snapshots/{name}.extxyz", atoms)
        write_dft_result(project / f"results/dft/{name}.json", result, {})
        write_ldos(project / f"results/ldos/{name}.zarr.zip", ldos, {})
        write_descriptors(project / f"results/descriptors/{name}.zarr.zip", descriptors, {})
    main(["export", "out", "--config", "config.yaml"])
    return project


def test_an_exported_snapshot_comes_back_bit_for_bit(run):
    calculation = open_finished(run / "out/test-0000.info.json")
    result = calculation.result(NO_MORE)
    ldos = read_ldos(run / "results/ldos/test-0000.zarr.zip")
    back = calculation.ldos(LDOS, result)
    np.testing.assert_array_equal(back, ldos.values)
    np.testing.assert_array_equal(result.cell, ldos.cell)
    assert result.smearing_width == 0.1 + 0.2
    assert result.xc_potential_energy == 38.9
    assert result.knows_bands
    np.testing.assert_array_equal(result.k_points, np.ones((2, 3)) / 3)
    assert len(list((run / "out").iterdir())) == 3 * 4


def test_the_array_of_descriptors_is_ours_bit_for_bit_in_single_precision(run):
    store = read_descriptors(run / "results/descriptors/test-0000.zarr.zip")
    array = np.load(run / "out/test-0000.in.npy")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array[..., 3:], store.values)
    points = grid_points(SHAPE, displaced_cell().cell[:]).reshape(*SHAPE, 3)
    np.testing.assert_array_equal(array[..., :3], points.astype(np.float32))


def test_slabs_of_the_grid_make_the_same_files(run, monkeypatch):
    whole = {p.name: p.read_bytes() for p in (run / "out").iterdir()}
    monkeypatch.setattr(mala_writer, "_SLAB_BYTES", 1)
    main(["export", "slabs", "--config", "config.yaml"])
    assert {p.name: p.read_bytes() for p in (run / "slabs").iterdir()} == whole


def test_an_edited_sidecar_contradicts_itself(run):
    path = run / "out/test-0000.info.json"
    edit_sidecar(path, fermi_energy_dft=FERMI_ENERGY + 1)
    with pytest.raises(DataError, match=r"key fermi_energy_dft(.|\n)*6\.0, as in surrogate_hpo"):
        open_finished(path).result(NO_MORE)


def test_the_kernel_of_an_exported_snapshot_is_known_and_must_agree(run):
    calculation = open_finished(run / "out/test-0000.info.json")
    other = dataclasses.replace(LDOS, axis=dataclasses.replace(LDOS.axis, width=0.6))
    with pytest.raises(ConfigError, match=r"another energy axis, kernel or width(.|\n)*0\.5"):
        calculation.check(other, calculation.result(NO_MORE))


def test_a_run_without_an_ldos_is_told_to_be_run(run, capsys):
    (run / "results/ldos/test-0000.zarr.zip").unlink()
    with pytest.raises(SystemExit, match="has no LDOS of a snapshot yet"):
        main(["export", "again", "--config", "config.yaml"])


@pytest.fixture
def mala(run) -> dict:
    """What real MALA says of an exported snapshot, which it writes again as `mala`."""
    if not MALA.exists():
        pytest.skip("MALA is not installed in .venv-mala (benchmarks/mala_environment.py does it)")
    arguments = [run / "out", "test-0000", "77", "-6", "0.25"]
    worker = REPOSITORY / "tests" / "mala_worker.py"
    done = subprocess.run(
        [str(word) for word in (MALA, worker, *arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_real_mala_reads_what_is_exported_and_its_files_are_read(mala, run):
    assert mala["grid"] == [*SHAPE, 77]
    assert mala["descriptors"] == [*SHAPE, 5]
    np.testing.assert_allclose(mala["energy"], LDOS.energy, atol=1e-12)
    assert mala["fermi_energy"] == FERMI_ENERGY
    assert mala["total_energy"] == -220.0
    assert mala["volume"] == pytest.approx(4.05**3)
    # MALA integrates without correcting the broadening.
    assert mala["electrons"] == pytest.approx(ELECTRONS, rel=0.02)
    calculation = open_finished(run / "out/mala.info.json")
    exact = dataclasses.replace(DFT, electronic_temperature_kelvin=mala["temperature"])
    result = calculation.result(exact)
    calculation.check(LDOS, result)
    assert result.total_free_energy == -220.0
    assert result.xc_potential_energy is None
    ldos = read_ldos(run / "results/ldos/test-0000.zarr.zip")
    np.testing.assert_array_equal(calculation.ldos(LDOS, result), ldos.values)
    # MALA's own SNAP, made in double precision: in single precision it is ours, bit for bit.
    ours, theirs = (np.load(run / f"out/{n}.in.npy") for n in ("test-0000", "mala"))
    assert theirs.dtype == np.float64
    np.testing.assert_array_equal(theirs.astype(np.float32), ours)
    if find_spec("h5py"):
        openpmd = open_finished(run / "out/mala5.out.h5")
        np.testing.assert_array_equal(openpmd.ldos(LDOS, result), ldos.values)


def test_the_sidecar_says_what_mala_expects(run):
    document = json.loads((run / "out/test-0000.info.json").read_text())
    hartree = document["hartree_contribution"]
    assert document["number_of_electrons_from_eigenvals"] == 8.0
    assert document["one_electron_contribution"] == pytest.approx(
        band_energy() - 2 * hartree - 38.9
    )
    assert document["degauss"] == pytest.approx(0.3 / 13.605693)
    assert document["temperature"] == pytest.approx(0.3 / 8.617333262e-5)
    spanned = np.array(document["voxel"]["array"]) * np.array(SHAPE)[:, None]
    np.testing.assert_allclose(spanned, document["atoms"]["cell"], atol=1e-12)
    assert size_of_finished(run / "out/test-0000.info.json").grid == SHAPE
