"""Learning curves, DOS, parity, error summary and cost."""

from dataclasses import replace

import numpy as np
import pytest
from fictional_run import (
    class_errors,
    cost_arrays,
    dos_arrays,
    energies,
    force_arrays,
    ldos_arrays,
    learning_arrays,
    words,
)
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.error_summary import QuantityError, error_summary
from surrogate_hpo.report.errors import class_errors_table
from surrogate_hpo.stages.evaluate.figure_dos import dos_overlay, dos_overlay_table
from surrogate_hpo.stages.evaluate.figure_error_by_size import error_by_size
from surrogate_hpo.stages.evaluate.figure_forces import (
    MOST_POINTS,
    force_error_table,
    force_figures,
    force_parity_table,
)
from surrogate_hpo.stages.evaluate.figure_ldos import ldos_overlay, ldos_overlay_table
from surrogate_hpo.stages.evaluate.figure_parity import parity, parity_table
from surrogate_hpo.stages.report.figure_cost import cost_per_stage, cost_per_stage_table
from surrogate_hpo.stages.train.figure import learning_curves, learning_curves_table

# --- learning_curves ---


def test_rows_are_sorted_with_the_epoch_whose_weights_are_used():
    table = learning_curves_table(
        seed=[1, 1, 1, 0, 0],
        epoch=[1, 2, 3, 1, 2],
        training_loss=[3, 2, 1, 3, 2],
        validation_loss=[3, 2.5, np.nan, np.nan, np.nan],
        used=[False, True, False, False, True],
        loss_unit="",
    )
    assert table.values("seed") == (0, 0, 1, 1, 1)
    assert table.values("used") == (False, True, False, True, False)


def test_learning_curves_say_what_they_show():
    text = words(learning_curves(**learning_arrays()))
    for label in ("seed 0", "seed 1", "seed 2", "training", "validation", "weights used", "epoch"):
        assert label in text
    assert "LDOS loss (scaled LDOS)" in text
    assert "LDOS loss (1/(eV Å³)²)" in words(
        learning_curves(**learning_arrays(), loss_unit="1/(eV Å³)²")
    )


# --- dos_overlay ---


def test_dos_is_averaged_over_seeds_and_compared_with_the_reference():
    table = dos_overlay_table(
        energy_ev=[0.0, 1.0], reference_per_ev=[1.0, 2.0], predicted_per_ev=[[1.0, 3.0], [2.0, 5.0]]
    )
    assert table.values("predicted_per_ev") == (1.5, 4.0)
    assert table.values("difference_per_ev") == (0.5, 2.0)
    assert table.values("std_over_seeds_per_ev") == pytest.approx((np.sqrt(0.5), np.sqrt(2)))


def test_dos_of_one_seed_has_no_spread():
    table = dos_overlay_table(
        energy_ev=[0.0, 1.0], reference_per_ev=[1.0, 2.0], predicted_per_ev=[[1.0, 3.0]]
    )
    assert table.values("std_over_seeds_per_ev") == (0.0, 0.0)


def test_dos_overlay_says_what_it_shows():
    text = words(dos_overlay(**dos_arrays()))
    for label in (
        "DOS (1/eV)",
        "energy (eV)",
        "DFT reference",
        "Fermi energy, DFT: 7.612 eV",
        "Fermi energy, predicted: 7.602 eV",
    ):
        assert label in text


def test_dos_on_another_energy_axis_is_refused():
    arrays = dos_arrays()
    with pytest.raises(DataError, match=r"\(seeds, 76\)(.|\n)*\(3, 77\)"):
        dos_overlay(**{**arrays, "energy_ev": arrays["energy_ev"][1:]})


# --- parity and error_summary ---


@given(st.floats(-100, 100))
def test_parity_does_not_depend_on_the_zero_of_energy(shift):
    arrays = energies()
    moved = {n: arrays[n] + shift for n in arrays if n.endswith("_ev_per_atom")}
    before, after = parity_table(**arrays), parity_table(**{**arrays, **moved})
    for column in before.columns[1:]:
        np.testing.assert_allclose(
            after.numbers(column.name), before.numbers(column.name), atol=1e-9
        )
    assert abs(after.numbers("dft_mev_per_atom").mean()) < 1e-9


def test_parity_says_what_it_shows():
    figure = parity(**energies())
    text = words(figure)
    assert figure.name == "parity_total_free_energy"
    assert "total free energy: MAE 3.36 ± 0.09 meV/atom" in text
    assert "total free energy, DFT − mean (meV/atom)" in text
    for label in (
        "surrogate ± std over seeds",
        "floor (reference LDOS)",
        "baseline (training mean)",
    ):
        assert label in text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mae_mev_per_atom", "MAE"),
        ("discretisation_error_mev_per_atom", "floor"),
        ("baseline_mev_per_atom", "baseline"),
    ],
)
def test_a_summary_that_contradicts_the_energies_is_refused(name, label):
    arrays = energies()
    wrong = replace(arrays["error"], **{name: getattr(arrays["error"], name) * 1.01})
    with pytest.raises(DataError, match=f"the {label} in the summary is not that of the energies"):
        parity(**{**arrays, "error": wrong})


def test_energies_of_other_snapshots_are_refused():
    arrays = energies()
    with pytest.raises(DataError, match=r"total_free_energy(.|\n)*\(seeds, 20\)(.|\n)*\(3, 19\)"):
        parity(**{**arrays, "surrogate_ev_per_atom": arrays["surrogate_ev_per_atom"][:, 1:]})


def test_error_summary_shows_every_number():
    hartree = QuantityError("hartree_energy", 0.8, 0.1, 0.05, 12.0)
    errors = (energies()["error"], hartree)
    figure = error_summary(errors)
    assert figure.table.values("mae_mev_per_atom") == tuple(e.mae_mev_per_atom for e in errors)
    text = words(figure)
    for label in ("total free energy", "3.36 ± 0.09", "0.333", "31.2", "Hartree energy"):
        assert label in text
    assert "mean absolute error (meV/atom)" in text


def test_the_control_has_a_bar_where_there_is_one():
    total = energies()["error"]
    assert "control (linear potential)" in words(error_summary([total]))
    assert "0.41" in words(error_summary([total]))
    without = replace(total, control_mae_mev_per_atom=float("nan"))
    assert "control" not in words(error_summary([without]))
    assert "not finite" not in words(error_summary([total, QuantityError("x", 1, 1, 1, 1)]))


def test_the_k_noise_is_drawn_where_it_was_measured():
    total = energies()["error"]
    noisy = replace(total, kpoint_noise_mev_per_atom=0.77)
    text = words(error_summary([noisy]))
    assert "k noise of the labels" in text
    assert "0.77" in text
    assert "k noise" not in words(error_summary([total]))
    classes = class_errors()
    assert "k noise" not in words(error_by_size(classes))
    first = replace(classes[0], error=replace(classes[0].error, kpoint_noise_mev_per_atom=0.77))
    assert "k noise of the labels" in words(error_by_size([first, *classes[1:]]))


def test_parity_of_several_sizes_is_relative_to_each():
    arrays = energies()
    kind = [("4", "298.0")] * 12 + [("32", "298.0")] * 8
    offset = np.repeat([0.0, 0.3], [12, 8])
    moved = {n: arrays[n] + offset for n in arrays if n.endswith("_ev_per_atom")}
    table = parity_table(**{**arrays, **moved}, kind=kind)
    for column, expected in zip(
        table.columns[1:], parity_table(**arrays, kind=kind).columns[1:], strict=True
    ):
        np.testing.assert_allclose(column.values, expected.values, atol=1e-8)
    dft = table.numbers("dft_mev_per_atom")
    assert dft[:12].mean() == pytest.approx(0, abs=1e-9)
    assert dft[12:].mean() == pytest.approx(0, abs=1e-9)
    mixed = replace(arrays["error"], baseline_of="mixed")
    text = words(parity(**{**arrays, **moved, "error": mixed}, kind=kind))
    assert "baseline (training mean, or the snapshots' own)" in text


def test_the_table_of_classes_holds_skill_and_what_the_baseline_is():
    table = class_errors_table(class_errors())
    assert table.numbers("skill")[:2] == pytest.approx([2.1 / 31, 2.2 / 11])
    assert np.isnan(table.numbers("skill")[2]), "no skill beside a baseline without error"
    assert table.words("baseline_of")[1:3] == ["training mean", "snapshots' own mean"]
    assert table.numbers("atoms").tolist() == [4, 32, 108, 32]


def test_error_by_size_tells_temperatures_and_lines_apart():
    figure = error_by_size(class_errors())
    assert len(figure.table) == 4
    text = words(figure)
    for label in ("surrogate", "control (linear potential)", "ions: 298 K", "ions: 933 K"):
        assert label in text
    for label in ("4", "32", "108", "number of atoms", "total free energy, MAE (meV/atom)"):
        assert label in text
    one = words(error_by_size(class_errors()[:2]))
    assert "298 K" not in one


def test_errors_that_are_zero_or_not_finite_are_written_out():
    text = words(error_summary([QuantityError("band_energy", float("nan"), float("nan"), 0.0, 9)]))
    assert "not finite" in text
    assert "0" in text


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match=r"nothing to draw(.|\n)*error_summary"):
        error_summary([])


# --- forces ---


def test_forces_say_what_they_show():
    parity_of_forces, error = force_figures(**force_arrays())
    assert (parity_of_forces.name, error.name) == ("force_parity", "force_error")
    text = words(parity_of_forces)
    for label in ("Al", "Mg", "force, DFT (eV/Å)", "force, mean of the networks (eV/Å)"):
        assert label in text
    assert "240 components" in parity_of_forces.title
    text = words(error)
    for label in ("RMSE of the mean of the networks", "std over seeds", "per component (meV/Å)"):
        assert label in text
    alone = force_arrays() | {"spread": np.full(240, np.nan)}
    assert "std over seeds" not in words(force_figures(**alone)[1])
    nothing = {"element": [], "dft": [], "mean": [], "spread": []}
    assert force_figures(**nothing) == []


def test_bins_hold_all_atoms_from_small_forces_to_large_ones():
    arrays = {n: force_arrays()[n].reshape(-1, 3) for n in ("dft", "mean", "spread")}
    table = force_error_table(**arrays)
    atoms, rmse = table.numbers("atoms"), table.numbers("rmse_mev_per_angstrom")
    assert atoms.sum() == 80
    assert len(set(atoms)) == 1
    size = np.linalg.norm(arrays["dft"], axis=1)
    assert table.numbers("smallest_mev_per_angstrom")[0] == pytest.approx(1000 * size.min())
    assert table.numbers("largest_mev_per_angstrom")[-1] == pytest.approx(1000 * size.max())
    whole = 1000 * np.sqrt(((arrays["mean"] - arrays["dft"]) ** 2).mean())
    assert np.sqrt((atoms * rmse**2).sum() / 80) == pytest.approx(whole)
    few = force_error_table(**{name: values[:4] for name, values in arrays.items()})
    assert few.values("atoms") == (4,)


def test_of_many_components_some_are_drawn():
    many = {name: list(values) * 10 for name, values in force_arrays().items()}
    table = force_parity_table(**many)
    assert MOST_POINTS / 2 < len(table) <= MOST_POINTS
    assert table.words("element")[1] == many["element"][3]
    assert f"{len(table)} of 2400 components" in force_figures(**many)[0].title


def test_forces_of_other_atoms_are_refused():
    arrays = force_arrays()
    with pytest.raises(DataError, match=r"not of the same atoms(.|\n)*240 and shapes"):
        force_parity_table(**{**arrays, "mean": arrays["mean"][1:]})


# --- cost_per_stage ---


def test_shares_of_the_cost_add_up():
    table = cost_per_stage_table(**cost_arrays())
    assert table.numbers("cpu_share_percent").sum() == pytest.approx(100)


def test_cost_shows_the_gpu_only_where_one_was_used_or_held():
    arrays = cost_arrays()
    with_gpu = words(cost_per_stage(**arrays))
    assert {"CPU used", "GPU used", "342 s, 94 %", "41 s, 23 %", "train"} <= set(with_gpu)
    none = {"gpu_seconds": [0] * 11, "allocated_gpu_seconds": [0] * 11}
    without = words(cost_per_stage(**{**arrays, **none}))
    assert not any("GPU" in word for word in without)
    idle = words(cost_per_stage(**{**arrays, "gpu_seconds": [0] * 11}))
    assert "0 s, 0 %" in idle


def test_efficiency_is_what_was_used_of_what_was_allocated():
    table = cost_per_stage_table(
        stage=["search", "report"],
        jobs=[1, 1],
        cpu_seconds=[30.0, 5.0],
        gpu_seconds=[15.0, 0.0],
        wall_seconds=[20.0, 5.0],
        allocated_cpu_seconds=[40.0, 5.0],
        allocated_gpu_seconds=[20.0, 0.0],
    )
    np.testing.assert_allclose(table.numbers("cpu_efficiency_percent"), [75, 100])
    np.testing.assert_allclose(table.numbers("gpu_efficiency_percent"), [75, np.nan])


# --- ldos_overlay ---


def test_ldos_overlay_averages_over_seeds_point_by_point():
    arrays = ldos_arrays()
    table = ldos_overlay(**arrays).table
    count = len(arrays["energy_ev"])
    assert len(table) == 2 * count
    assert table.words("point")[count] == "many states"
    expected = arrays["predicted"].mean(axis=0)[1]
    np.testing.assert_allclose(table.numbers("predicted")[count:], expected)
    np.testing.assert_allclose(table.numbers("reference")[:count], arrays["reference"][0])


def test_ldos_overlay_says_what_it_shows():
    text = words(ldos_overlay(**ldos_arrays()))
    for label in ("few states", "many states", "LDOS (1/(eV Å³))", "energy (eV)", "DFT reference"):
        assert label in text


def test_ldos_of_another_shape_is_refused():
    arrays = ldos_arrays()
    del arrays["snapshot"]
    with pytest.raises(DataError, match="do not fit points and energy axis"):
        ldos_overlay_table(**{**arrays, "predicted": arrays["predicted"][0]})
