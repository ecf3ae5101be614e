"""`surrogate-hpo analyse`: planes, profile, atoms and distances of a predicted cell."""

import csv
import json

import numpy as np
import pytest
from ase.io import write
from small_surrogate import ENERGY, GRID, aluminium

from surrogate_hpo.cli import main
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.data.predicted_fields import DensityData, write_density
from surrogate_hpo.dft.ldos_axis import LdosAxis

ATOMS = aluminium(1)
RNG = np.random.default_rng(0)
VOLUME = ATOMS.get_volume() / np.prod(GRID)
DENSITY = RNG.random(GRID)
SPREAD = RNG.random(GRID) / 10
LDOS = RNG.random((*GRID, len(ENERGY))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analyse")
    write(folder / "atoms.xyz", ATOMS, format="extxyz")
    write_density(folder / "density.zarr.zip", DensityData(DENSITY, SPREAD, ATOMS.cell[:]), {})
    write_density(folder / "one.zarr.zip", DensityData(DENSITY, None, ATOMS.cell[:]), {})
    ldos = LdosData(LDOS, LdosAxis(ENERGY, "gaussian", 0.5), ATOMS.cell[:], 12.0)
    write_ldos(folder / "ldos.zarr.zip", ldos, {})
    return folder


def analyse(folder, density, output, *options):
    files = [str(folder / name) for name in (density, "atoms.xyz")]
    main(["analyse", *files, "--output", str(folder / output), *options])


def rows_of(path):
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


@pytest.fixture(scope="module")
def analysis(folder):
    options = ["--axis", "b", "--at", "0.5", "-0.1", "--ldos", str(folder / "ldos.zarr.zip")]
    analyse(folder, "density.zarr.zip", "out", *options, "--atoms", "2")
    return folder / "out"


def test_planes_are_those_of_the_store(analysis):
    for number, plane in enumerate((5, 9)):
        rows = rows_of(analysis / f"slice_{number}.csv")
        found = column(rows, "density_per_cubic_angstrom").reshape(GRID[0], GRID[2])
        np.testing.assert_allclose(found, DENSITY[:, plane])
        spread = column(rows, "density_std_per_cubic_angstrom").reshape(GRID[0], GRID[2])
        np.testing.assert_allclose(spread, SPREAD[:, plane])
    step = ATOMS.cell.lengths()[2] / GRID[2]
    np.testing.assert_allclose(column(rows, "v_angstrom")[:2], [0, step])
    for name in ("slice_0.svg", "slice_1.pdf", "profile.svg", "atom_dos.svg", "rdf.svg"):
        assert (analysis / name).stat().st_size > 1000


def test_profile_is_the_mean_of_planes(analysis):
    rows = rows_of(analysis / "profile.csv")
    density = column(rows, "density_per_cubic_angstrom")
    np.testing.assert_allclose(density, DENSITY.mean(axis=(0, 2)))
    largest = column(rows, "largest_density_std_per_cubic_angstrom")
    np.testing.assert_allclose(largest, SPREAD.max(axis=(0, 2)))


def test_atoms_share_all_electrons_and_states(analysis):
    rows = rows_of(analysis / "atoms.csv")
    assert column(rows, "electrons").sum() == pytest.approx(DENSITY.sum() * VOLUME)
    assert column(rows, "electrons_std").sum() == pytest.approx(SPREAD.sum() * VOLUME)
    assert [row["element"] for row in rows] == ["Al"] * 4
    states = rows_of(analysis / "atom_dos.csv")
    dos = LDOS.sum(axis=(0, 1, 2), dtype=np.float64) * VOLUME
    np.testing.assert_allclose(4 * column(states, "Al_mean_per_ev"), dos)
    assert list(states[0]) == ["energy_ev", "Al_mean_per_ev", "atom_2_per_ev"]


def test_inputs_are_recorded(analysis):
    record = json.loads((analysis / "analysis.json").read_text())["provenance"]
    names = {name.rpartition("/")[2] for name in record["inputs"]}
    assert names == {"density.zarr.zip", "atoms.xyz", "ldos.zarr.zip"}
    assert record["at"] == [0.5, -0.1]


def test_one_network_has_no_spread(folder):
    analyse(folder, "one.zarr.zip", "single")
    rows = rows_of(folder / "single" / "slice_0.csv")
    assert list(rows[0]) == ["u_angstrom", "v_angstrom", "density_per_cubic_angstrom"]
    assert {row["electrons_std"] for row in rows_of(folder / "single" / "atoms.csv")} == {""}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--axis", "z"], "--axis"),
        (["--atoms", "1"], "--ldos with it"),
        (["--at", "nan"], "--at"),
        (["--width-angstrom", "-1"], "width"),
        (["--rdf-largest-distance-angstrom", "99"], "1 to 30"),
    ],
)
def test_bad_options_are_refused(folder, options, message):
    with pytest.raises(SystemExit, match=message):
        analyse(folder, "density.zarr.zip", "never", *options)
    assert not (folder / "never").exists()


def test_what_does_not_fit_is_refused(folder, analysis):
    with pytest.raises(SystemExit, match="the output folder exists"):
        analyse(folder, "density.zarr.zip", analysis.name)
    write(folder / "other.xyz", aluminium(1, a=4.2), format="extxyz")
    files = [str(folder / "density.zarr.zip"), str(folder / "other.xyz")]
    with pytest.raises(SystemExit, match="the cells differ"):
        main(["analyse", *files, "--output", str(folder / "never")])
    ldos = ["--ldos", str(folder / "ldos.zarr.zip"), "--atoms", "4"]
    with pytest.raises(SystemExit, match="from 0 to 3"):
        analyse(folder, "density.zarr.zip", "never", *ldos)
