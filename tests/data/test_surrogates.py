"""The surrogate file: round trip, versions, damage; and the stage that gathers it."""

import dataclasses
import math
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read
from small_surrogate import DEFINITION, ENERGY, GRID, aluminium, small_surrogate, written

from surrogate_hpo.calculator import SurrogateCalculator
from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.dft_results import read_dft_result, write_dft_result
from surrogate_hpo.data.models import LeftOut, TrainedModel, read_model, write_model, write_state
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.dft.hgh import ALUMINIUM_LDA
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.networks.error_bar import calibrated_error_bar, calibrated_force_error_bar
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.error_bars import read_error_bars
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.stages.surrogate.settings import SurrogateSettings
from surrogate_hpo.stages.surrogate.stage import surrogate as gather
from surrogate_hpo.verbs.predict.verb import predict

LIKE_ALL = {
    "total_free_energy": -228.0, "band_energy": 39.0, "entropy_contribution": -1.0,
    "hartree_energy": 1.0, "xc_energy": -87.0, "xc_potential_energy": -114.0,
    "ewald_energy": -292.0, "fermi_energy": 7.6, "electrons": 12.0,
    "eigenvalues": np.zeros((1, 2)), "occupations": np.zeros((1, 2)), "k_weights": np.ones(1),
    "k_points": np.zeros((1, 3)), "wavefunction_cutoff": 100.0, "density_cutoff": 400.0,
    "density_cutoff_rydberg": 29.4, "functional": "lda_pw92", "pseudopotentials": {"Al": "x"},
    "norm_conserving": True, "symmetry_operations": 1, "smearing": "fd", "smearing_width": 0.43,
    "converged": True, "scf_steps": 8, "scf_accuracy": 1e-10, "version": "7.2",
}  # fmt: skip

# DFT minus prediction, eV/atom, of four left-out snapshots by two networks.
LEFT_OUT = (np.array([0.1, -0.2, 0.3, 0.2]), np.array([0.2, -0.1, 0.1, 0.3]))
VALIDATION_ENERGIES = (-228.0, -229.0)


def test_everything_survives_the_round_trip_and_no_code_is_unpickled(tmp_path):
    made = small_surrogate(core=True)
    path = written(tmp_path, core=True)
    back = read_surrogate(path)
    torch.load(path, weights_only=True)
    descriptors = torch.rand(7, made.models[0].input_scaler.features)
    for ours, theirs in zip(made.models, back.models, strict=True):
        assert torch.equal(ours.predict(descriptors), theirs.predict(descriptors))
    assert back.definition == made.definition
    assert (back.kernel, back.width, back.description) == ("gaussian", 0.5, "a test")
    np.testing.assert_array_equal(back.energy, ENERGY)
    np.testing.assert_array_equal(back.ions["Al"].core_density, made.ions["Al"].core_density)
    assert back.ions["Al"].charge == 3.0
    assert back.origin.grids[0].grid == GRID
    np.testing.assert_array_equal(back.origin.grids[0].cell, aluminium().cell[:])
    assert dataclasses.replace(back.origin, grids=()) == dataclasses.replace(made.origin, grids=())
    assert torch.equal(back.known.maximum, made.known.maximum)
    assert dict(back.provenance) == dict(made.provenance)


def test_later_formats_other_files_and_damage_are_told_apart(tmp_path):
    path = written(tmp_path)
    state = torch.load(path, weights_only=True)
    torch.save(state | {"format_version": 2}, path)
    message = r"another version(.|\n)*format 1(.|\n)*format 2, of surrogate-hpo test(.|\n)*install"
    with pytest.raises(DataError, match=message):
        read_surrogate(path)
    torch.save({key: value for key, value in state.items() if key != "ions"}, path)
    with pytest.raises(DataError, match=r"lacks what a surrogate has(.|\n)*ions"):
        read_surrogate(path)
    torch.save({"surrogate": {}, "energy_ev": 1}, path)
    with pytest.raises(DataError, match=r"is no surrogate(.|\n)*model of one initialisation"):
        read_surrogate(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged"):
        read_surrogate(path)
    with pytest.raises(DataError, match="missing"):
        read_surrogate(tmp_path / "none.pt")


FOREIGN = (
    *(None, "x", -1, [], {}, [0.0], float("nan"), float("inf"), True),
    *(torch.zeros(2, 2), torch.zeros(3), torch.full((39,), 2.0), torch.tensor(1)),
)


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda value: str(value).replace("\n", ""))
def test_a_file_with_other_contents_is_refused_whatever_they_are(tmp_path, foreign):
    """Each entry and what is in it, replaced one at a time: an error, or a surrogate that works."""
    path = written(tmp_path, core=True)
    state = torch.load(path, weights_only=True)
    for where in places(state):
        if where[0] in FREE:
            continue
        write_state(path, replaced(state, where, foreign))
        try:
            prediction = predict_small(read_surrogate(path))
        except DataError as error:
            assert str(path) in str(error), where  # noqa: PT017 (which of many raises is free)
        except PhysicsError:
            assert where[0] in ("models", "ions"), where  # numbers that could be, but make no sense
        else:
            assert np.isfinite(prediction).all(), where


# What no number depends on.
FREE = ("description", "provenance")


def places(state):
    """Paths to all entries of nested mappings, and to the first of lists."""
    items = state.items() if isinstance(state, dict) else enumerate(state[:1])
    for key, value in items:
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *rest) for rest in places(value))


def replaced(state, where, value):
    key, *rest = where
    copy = dict(state) if isinstance(state, dict) else list(state)
    copy[key] = replaced(state[key], rest, value) if rest else value
    return copy


def predict_small(surrogate):
    conditions = Conditions(grid=(4, 4, 4))
    found = predict_structure(surrogate, aluminium(), conditions, Path(tempfile.gettempdir()))
    return [value for values in found.energies.values() for value in values]


def test_no_flipped_byte_changes_a_prediction_unseen(tmp_path):
    # torch itself reads most of these files without a word, and with other weights.
    path = written(tmp_path, seeds=1)
    content, before = path.read_bytes(), torch.load(path, weights_only=True)
    found = 0
    for place in range(7, len(content), len(content) // 40):
        changed = bytearray(content)
        changed[place] ^= 0x41
        path.write_bytes(changed)
        try:
            model = read_surrogate(path).models[0]
        except DataError:
            found += 1
        else:  # between the parts of the file, or in dates
            network = model.state_dict()["network"]
            for name, tensor in before["models"][0]["network"].items():
                assert torch.equal(network[name], tensor)
    assert found > 20


def test_folders_and_files_of_other_programs_are_refused_without_torch_s_advice(tmp_path):
    path = tmp_path / "surrogate.pt"
    torch.save({"format": "surrogate-hpo surrogate", "made by": torch.nn.Tanh()}, path)
    with pytest.raises(DataError, match=r"objects or code.*not loaded") as refused:
        read_surrogate(path)
    assert "weights_only" not in str(refused.value)
    path.write_bytes(pickle.dumps({"format": "surrogate-hpo surrogate"}))
    with pytest.raises(DataError, match=r"damaged(.|\n)*not a zip file"):
        read_surrogate(path)
    with pytest.raises(DataError, match=r"damaged(.|\n)*[Dd]irectory"):
        read_surrogate(tmp_path)


@pytest.fixture
def inputs(tmp_path):
    """Models of two seeds, and DFT and descriptors of two training snapshots."""
    made = small_surrogate()
    files = {"models": [], "dft": [], "descriptors": [], "pseudopotentials": []}
    files |= {"validation_structures": [], "validation_dft": []}
    for seed, model in enumerate(made.models):
        files["models"].append(tmp_path / f"{seed}.pt")
        left_out = LeftOut(LEFT_OUT[seed], math.nan, 1.0, 1e-3)
        trained = TrainedModel(model, LdosAxis(ENERGY, "gaussian", 0.5), DEFINITION, left_out)
        write_model(files["models"][-1], trained, {})
    for name in ("Al", "Mg"):  # the second is in no snapshot
        files["pseudopotentials"].append(tmp_path / f"{name}.UPF")
        text = hgh_upf(ALUMINIUM_LDA).replace('element="Al"', f'element="{name}"')
        files["pseudopotentials"][-1].write_text(text)
    for number in (0, 1):
        atoms = aluminium(number)
        place = {"cell": atoms.cell[:], "positions": atoms.positions, "species": ("Al",) * 4}
        result = DftResult(**LIKE_ALL, **place, fft_grid=GRID)
        files["dft"].append(tmp_path / f"dft-{number}.json")
        write_dft_result(files["dft"][-1], result, {})
        values = bispectrum(
            grid_points(GRID, atoms.cell[:]), atoms.positions, atoms.cell[:],
            cutoff_radius=DEFINITION.cutoff_radius, twojmax=DEFINITION.twojmax,
        ).astype(np.float32)  # fmt: skip
        files["descriptors"].append(tmp_path / f"descriptors-{number}.zarr.zip")
        data = DescriptorData(values.reshape(*GRID, -1), atoms.cell[:], DEFINITION)
        write_descriptors(files["descriptors"][-1], data, {})
    for number in (2, 3, 4):
        atoms = aluminium(number)
        place = {"cell": atoms.cell[:], "positions": atoms.positions, "species": ("Al",) * 4}
        # Of the last one the energy is not known.
        energy = None if number == 4 else VALIDATION_ENERGIES[number - 2]
        result = DftResult(**LIKE_ALL | {"total_free_energy": energy}, **place, fft_grid=GRID)
        files["validation_structures"].append(tmp_path / f"validation-{number}.extxyz")
        write_structure(files["validation_structures"][-1], atoms)
        files["validation_dft"].append(tmp_path / f"validation-{number}.json")
        write_dft_result(files["validation_dft"][-1], result, {})
    return files


def run(inputs, tmp_path, **options):
    path = tmp_path / "out" / "surrogate.pt"
    settings = SurrogateSettings(description="for a test", **options)
    document = path.with_name("error_bar.json")
    gather(settings=settings, seed=1, surrogate=path, error_bar=document, **inputs)
    bars, found = read_error_bars(document), read_surrogate(path)
    assert (bars.energy, bars.forces) == (found.error_bar, found.force_error_bar)
    return found


def test_the_stage_gathers_what_the_training_has_seen(inputs, tmp_path):
    found = run(inputs, tmp_path)
    assert len(found.models) == 2
    assert set(found.ions) == {"Al"}
    assert (found.origin.functional, found.origin.density_cutoff) == ("lda_pw92", 400.0)
    assert found.origin.electronic_temperature == pytest.approx(0.43 / 8.617333262e-5)
    assert [known.grid for known in found.origin.grids] == [GRID]
    assert found.origin.snapshots == 2
    assert found.description == "for a test"
    values = torch.cat(
        [
            torch.from_numpy(
                bispectrum(
                    grid_points(GRID, a.cell[:]), a.positions, a.cell[:],
                    cutoff_radius=DEFINITION.cutoff_radius, twojmax=DEFINITION.twojmax,
                )
            )
            for a in (aluminium(0), aluminium(1))
        ]
    )  # fmt: skip
    torch.testing.assert_close(found.known.maximum, values.amax(0), rtol=1e-6, atol=1e-6)
    assert found.provenance["stage"] == "surrogate"
    assert len(found.provenance["inputs"]) == 14


def test_the_error_bar_is_calibrated_on_left_out_and_validation_snapshots(inputs, tmp_path):
    made = run(inputs, tmp_path)
    errors = np.empty((2, 2))
    for number, energy in enumerate(VALIDATION_ENERGIES):
        atoms = aluminium(number + 2)
        found = predict_structure(made, atoms, Conditions(), tmp_path).energies
        errors[:, number] = (np.array(found["total_free_energy"]) - energy) / 4
    bar = made.error_bar
    expected = calibrated_error_bar(-np.stack(LEFT_OUT), errors)
    assert bar.spread_factor == pytest.approx(expected.spread_factor, rel=1e-6)
    assert bar.constant == pytest.approx(expected.constant, rel=1e-6)
    assert (bar.left_out_snapshots, bar.validation_snapshots) == (4, 2)
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_dir()]


def with_forces(inputs, *, snapshots=3):
    """Forces of DFT for so many validation snapshots, the last ones."""
    known = []
    for number, path in enumerate(inputs["validation_dft"]):
        forces = np.random.default_rng(number).normal(size=(4, 3))
        if number >= len(inputs["validation_dft"]) - snapshots:
            known.append((number, forces))
            result = dataclasses.replace(read_dft_result(path), forces=forces)
            write_dft_result(path, result, {})
    return known


def test_the_error_bar_of_forces_is_calibrated_on_validation_snapshots(inputs, tmp_path):
    energy = run(inputs, tmp_path).error_bar
    known = with_forces(inputs)
    made = run(inputs, tmp_path)
    errors = [
        predict_structure(
            made, aluminium(number + 2), Conditions(), tmp_path, forces="each"
        ).derivatives.forces_per_network
        - forces
        for number, forces in known
    ]
    bar, expected = made.force_error_bar, calibrated_force_error_bar(errors)
    assert bar.spread_factor == pytest.approx(expected.spread_factor, rel=1e-5)
    assert bar.constant == pytest.approx(expected.constant, rel=1e-5)
    assert bar.validation_snapshots == 3, "also where only the forces are known"
    assert made.error_bar == energy


def test_without_forces_of_two_snapshots_it_is_said_that_they_are_not_calibrated(
    inputs, tmp_path, caplog
):
    with_forces(inputs, snapshots=1)
    assert run(inputs, tmp_path).force_error_bar is None
    assert "predicted forces will have no error bar" in caplog.text
    with_forces(inputs)
    assert run(inputs, tmp_path, forces=False).force_error_bar is None
    write_structure(tmp_path / "a.extxyz", aluminium(5))
    path, output = tmp_path / "out" / "surrogate.pt", tmp_path / "p"
    caplog.clear()
    predict(surrogate=path, structures=str(tmp_path / "a.extxyz"), output=output, forces=True)
    document = read_document(output / "prediction.json")
    assert document["forces_ev_per_angstrom"]["error_bar"] is None
    assert document["force_error_bar_calibration"] is None
    assert any("the forces have no error bar" in warning for warning in document["warnings"])
    assert caplog.text.count("the forces have no error bar") == 1


def test_predicted_forces_have_an_error_bar_in_all_their_forms(inputs, tmp_path):
    with_forces(inputs)
    surrogate = run(inputs, tmp_path)
    found = predict_structure(surrogate, aluminium(5), Conditions(), tmp_path, forces="each")
    expected = surrogate.force_error_bar.bars(found.derivatives.forces_per_network)
    np.testing.assert_array_equal(found.derivatives.forces_error_bar, expected)
    assert expected.shape == (4, 3)
    mean = predict_structure(surrogate, aluminium(5), Conditions(), tmp_path, forces="mean")
    assert mean.derivatives.forces_error_bar is None, "the spread is not known"
    write_structure(tmp_path / "a.extxyz", aluminium(5))
    path, output = tmp_path / "out" / "surrogate.pt", tmp_path / "p"
    predict(surrogate=path, structures=str(tmp_path / "a.extxyz"), output=output, forces=True)
    document = read_document(output / "prediction.json")
    told = np.array(document["forces_ev_per_angstrom"]["error_bar"])
    np.testing.assert_allclose(told, expected, rtol=1e-5)
    assert document["force_error_bar_calibration"]["validation_snapshots"] == 3
    assert not any("error bar" in warning for warning in document["warnings"])
    frame = read(output / "structure.extxyz")
    np.testing.assert_allclose(frame.arrays["forces_error_bar"], told, atol=1e-7)
    atoms = aluminium(5)
    atoms.calc = SurrogateCalculator(path, force_spread=True)
    atoms.get_forces()
    np.testing.assert_allclose(atoms.calc.results["forces_error_bar"], expected, rtol=1e-5)


def test_without_known_errors_there_is_no_error_bar(inputs, tmp_path, caplog):
    for path in inputs["models"]:
        write_model(path, dataclasses.replace(read_model(path), left_out=None), {})
    with_validation = run(inputs, tmp_path).error_bar
    assert (with_validation.left_out_snapshots, with_validation.validation_snapshots) == (0, 2)
    inputs |= {name: inputs[name][1:] for name in ("validation_structures", "validation_dft")}
    assert run(inputs, tmp_path).error_bar is None
    assert "predictions will have no error bar" in caplog.text


def test_a_prediction_has_an_error_bar_in_all_its_forms(inputs, tmp_path):
    surrogate = run(inputs, tmp_path)
    found = predict_structure(surrogate, aluminium(5), Conditions(), tmp_path)
    energies = np.array(found.energies["total_free_energy"]) / 4
    assert found.error_bar == pytest.approx(4 * surrogate.error_bar.of(energies))
    write_structure(tmp_path / "a.extxyz", aluminium(5))
    path, output = tmp_path / "out" / "surrogate.pt", tmp_path / "p"
    predict(surrogate=path, structures=str(tmp_path / "a.extxyz"), output=output)
    document = read_document(output / "prediction.json")
    assert document["total_free_energy_ev"]["error_bar"] == pytest.approx(found.error_bar)
    per_atom = document["total_free_energy_ev_per_atom"]["error_bar"]
    assert per_atom == pytest.approx(found.error_bar / 4)
    assert document["error_bar_calibration"]["left_out_snapshots"] == 4
    atoms = aluminium(5)
    atoms.calc = SurrogateCalculator(path)
    atoms.get_potential_energy()
    assert atoms.calc.results["free_energy_error_bar"] == pytest.approx(found.error_bar)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, "x", None, 1])
def test_error_bars_that_make_no_sense_are_refused(tmp_path, wrong):
    path = written(tmp_path)
    state = torch.load(path, weights_only=True)
    bar = {"spread_factor": wrong, "constant_ev_per_atom": 0.1}
    bar |= {"left_out_snapshots": 3, "validation_snapshots": 1}
    torch.save(state | {"error_bar": bar}, path)
    with pytest.raises(DataError, match="error_bar"):
        read_surrogate(path)
    bar = {"spread_factor": 1.0, "constant_ev_per_angstrom": wrong, "validation_snapshots": 3}
    torch.save(state | {"force_error_bar": bar}, path)
    with pytest.raises(DataError, match="force_error_bar"):
        read_surrogate(path)
    # Files of older versions have none.
    bars = {"error_bar", "force_error_bar"}
    torch.save({key: value for key, value in state.items() if key not in bars}, path)
    assert read_surrogate(path).error_bar is read_surrogate(path).force_error_bar is None


def test_models_and_calculations_that_do_not_belong_together_are_refused(inputs, tmp_path):
    made = small_surrogate()
    other = TrainedModel(made.models[1], LdosAxis(ENERGY, "fermi_dirac", 0.5), DEFINITION)
    write_model(inputs["models"][1], other, {})
    with pytest.raises(DataError, match=r"models were trained on different data(.|\n)*1\.pt"):
        run(inputs, tmp_path)
    write_model(
        inputs["models"][1], dataclasses.replace(other, axis=LdosAxis(ENERGY, "gaussian", 0.5)), {}
    )
    text = inputs["dft"][1].read_text()
    inputs["dft"][1].write_text(text.replace('"smearing_width_ev": 0.43', '"smearing_width_ev": 1'))
    with pytest.raises(DataError, match=r"different settings(.|\n)*dft-1\.json"):
        run(inputs, tmp_path)
    inputs["dft"][1].write_text(text)
    wider = dataclasses.replace(DEFINITION, cutoff_radius=5.0)
    values = np.zeros((*GRID, 5), np.float32)
    data = DescriptorData(values, aluminium().cell[:], wider)
    write_descriptors(inputs["descriptors"][1], data, {})
    with pytest.raises(
        DataError, match=r"other descriptors(.|\n)*descriptors-1(.|\n)*4\.0(.|\n)*5\.0"
    ):
        run(inputs, tmp_path)
