"""Forces of held-out snapshots: those of a prediction; their errors, of numbers that are known."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_surrogate import DEFINITION, ENERGY, GRID, aluminium, small_surrogate

from surrogate_hpo.data.descriptor_store import DescriptorData
from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.force_accuracies import force_accuracy, stress_accuracy
from surrogate_hpo.predict.held_out import HeldOut, predicted_energies
from surrogate_hpo.predict.held_out_forces import HeldOutForces
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.snapshot_forces import SnapshotForces


@pytest.mark.parametrize(("functional", "core"), [("lda_pw92", False), ("pbe", True)])
def test_they_are_the_forces_that_a_prediction_gives(tmp_path, functional, core):
    surrogate = small_surrogate(functional=functional, core=core)
    atoms, origin = aluminium(7), surrogate.origin
    expected = predict_structure(
        surrogate, atoms, Conditions(grid=GRID), tmp_path, forces="each"
    ).derivatives
    ion = dataclasses.asdict(surrogate.ions["Al"])
    potentials = {"Al": SimpleNamespace(z_valence=ion.pop("charge"), **ion)}
    values = bispectrum(
        grid_points(GRID, atoms.cell[:]),
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=DEFINITION.cutoff_radius,
        twojmax=DEFINITION.twojmax,
    )
    result = SimpleNamespace(
        electrons=12.0,
        electronic_temperature=origin.electronic_temperature,
        functional=functional,
        density_cutoff=origin.density_cutoff,
    )
    descriptors = values.astype(np.float32).reshape(*GRID, -1)
    empty = np.empty((*GRID, len(ENERGY)), np.float32)
    snapshot = HeldOut(
        "test-0000",
        atoms,
        result,
        DescriptorData(descriptors, atoms.cell[:], DEFINITION),
        LdosData(empty, surrogate.axis, atoms.cell[:], 12.0),
        Path("x"),
    )
    judge = HeldOutForces(snapshot, potentials, block_points=300)
    for network in surrogate.models:
        model = TrainedModel(network, surrogate.axis, DEFINITION)
        found, ldos = predicted_energies(snapshot, "seed-0", model, potentials, use_gpu=False)
        judge.add(model, found, ldos)
    forces, stress = judge.forces_and_stress()
    for got, of_all in (
        (forces, expected.forces_per_network),
        (stress, expected.stress_per_network),
    ):
        np.testing.assert_allclose(got, of_all, rtol=0, atol=1e-5 * np.abs(of_all).max())


def snapshot_forces(seed=0, networks=4, species=("Al", "Al", "Mg"), noise=0.1) -> SnapshotForces:
    generator = np.random.default_rng(seed)
    dft, stress = generator.normal(size=(len(species), 3)), generator.normal(size=(3, 3))
    return SnapshotForces(
        species,
        dft,
        dft + noise * generator.normal(size=(networks, *dft.shape)),
        (stress + stress.T) / 2,
        (stress + stress.T) / 2 + noise * generator.normal(size=(networks, 1, 1)),
    )


def test_errors_are_those_of_the_mean_over_the_networks():
    found = [snapshot_forces(0), snapshot_forces(1, species=("Mg",))]
    errors = force_accuracy(found)
    difference = np.concatenate([(one.mean - one.dft).ravel() for one in found])
    reference = np.concatenate([one.dft.ravel() for one in found])
    spread = np.concatenate([one.spread.ravel() for one in found])
    assert (errors["snapshots"], errors["components"]) == (2, 12)
    assert errors["rmse_mev_per_angstrom"] == pytest.approx(1000 * np.sqrt((difference**2).mean()))
    assert errors["mae_mev_per_angstrom"] == pytest.approx(1000 * np.abs(difference).mean())
    size = 1000 * np.sqrt((reference**2).mean())
    assert errors["rms_force_mev_per_angstrom"] == pytest.approx(size)
    expected = np.corrcoef(reference + difference, reference)[0, 1]
    assert errors["correlation"] == pytest.approx(expected)
    assert errors["spread_mev_per_angstrom"] == pytest.approx(1000 * np.sqrt((spread**2).mean()))
    assert errors["within_spread"] == (np.abs(difference) <= spread).mean()
    third = np.concatenate([(one.networks[2] - one.dft).ravel() for one in found])
    assert errors["rmse_per_network_mev_per_angstrom"][2] == pytest.approx(
        1000 * np.sqrt((third**2).mean())
    )
    assert {e: of["components"] for e, of in errors["elements"].items()} == {"Al": 6, "Mg": 6}
    squares = sum(
        of["components"] * of["rmse_mev_per_angstrom"] ** 2 for of in errors["elements"].values()
    )
    assert squares / 12 == pytest.approx(errors["rmse_mev_per_angstrom"] ** 2)


def test_a_spread_that_is_the_error_holds_two_thirds_of_the_components():
    many = [snapshot_forces(seed, networks=30, species=("Al",) * 50) for seed in range(20)]
    # The mean of 30 networks is off by its standard error: a bar of one network's spread is wide.
    assert force_accuracy(many)["within_spread"] > 0.99
    shared = [
        dataclasses.replace(one, networks=one.networks + 0.3 * np.sign(one.dft)) for one in many
    ]
    assert force_accuracy(shared)["within_spread"] < 0.01, "an error that all networks share"


def test_one_network_has_no_spread_and_perfect_crystals_no_correlation():
    alone = force_accuracy([snapshot_forces(networks=1)])
    assert alone["spread_mev_per_angstrom"] is None
    assert alone["within_spread"] is None
    still = snapshot_forces(noise=0.0)
    still = dataclasses.replace(still, dft=0 * still.dft, networks=0 * still.networks)
    assert force_accuracy([still])["correlation"] is None
    assert force_accuracy([still])["rmse_mev_per_angstrom"] == 0


def test_the_stress_is_in_gigapascal_and_counts_six_components():
    known = snapshot_forces(3)
    errors = stress_accuracy([known, dataclasses.replace(known, dft_stress=None)])
    assert (errors["snapshots"], errors["components"]) == (1, 6)
    difference = known.network_stresses.mean(0) - known.dft_stress
    # The error of this case is the same for all components.
    assert errors["rmse_gigapascal"] == pytest.approx(160.2176634 * abs(difference[0, 0]))
    assert errors["std_stress_gigapascal"] == 0
    assert stress_accuracy([dataclasses.replace(known, dft_stress=None)]) is None
    assert force_accuracy([]) is None


def test_a_shift_of_the_pressure_is_told_apart_from_other_errors_of_the_stress():
    known, unit = snapshot_forces(), 160.2176634
    generator = np.random.default_rng(0)
    stresses = generator.normal(size=(3, 3, 3))
    stresses += stresses.transpose(0, 2, 1)
    shear = np.array([[0.0, 0.2, 0.0], [0.2, 0.1, 0.0], [0.0, 0.0, -0.1]])
    found = [
        dataclasses.replace(
            known,
            dft_stress=one,
            network_stresses=np.stack([one - 0.3 * np.eye(3) + shear] * len(known.networks)),
        )
        for one in stresses
    ]
    errors = stress_accuracy(found)
    assert errors["pressure_shift_gigapascal"] == pytest.approx(0.3 * unit)
    left = np.sqrt((0.2**2 + 2 * 0.1**2) / 6)
    assert errors["rmse_without_shift_gigapascal"] == pytest.approx(unit * left)
    six = np.array([one[np.triu_indices(3)] for one in stresses])
    assert errors["std_stress_gigapascal"] == pytest.approx(unit * np.sqrt(six.var(0).mean()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"species": ("Al",)}, r"forces of DFT are not finite numbers of shape \(1, 3\)"),
        ({"networks": np.full((4, 3, 3), np.nan)}, "forces of the networks are not finite"),
        ({"dft_stress": np.zeros(3)}, r"stress of DFT are not .* of shape \(3, 3\)"),
        ({"network_stresses": np.zeros((2, 3, 3))}, "stress of the networks are not"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(snapshot_forces(), **change)
