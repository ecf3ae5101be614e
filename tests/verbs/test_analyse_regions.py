"""`surrogate-hpo analyse`: parts of a cell, surfaces, lattice planes, and what to doubt."""

import csv

import numpy as np
import pytest
import xarray as xr
import zarr
from ase import Atoms
from ase.io import write
from ase.io.cube import read_cube_data
from small_surrogate import GRID, aluminium, small_surrogate, written

from surrogate_hpo.cli import main
from surrogate_hpo.data import predicted_fields
from surrogate_hpo.data.predicted_fields import StoredDensity, read_density
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.verbs.analyse.cuts import GridPlane, Profile, gather
from surrogate_hpo.verbs.analyse.parts import read_parts
from surrogate_hpo.verbs.analyse.states import PredictedLdos, states_of

HALVES = ["low=slab:c,0,0.5", "high=slab:c,0.5,1"]
PARTS = [*HALVES, "ball=sphere:0.25,0.25,0.25,1.7", "one=atoms:0", "al=species:Al", "few=atoms:1-3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    written(folder)
    write(folder / "atoms.xyz", aluminium(0), format="extxyz")
    predict(folder, "atoms.xyz", "prediction", "--ldos")
    return folder


def predict(folder, structure, output, *options):
    files = [str(folder / name) for name in ("surrogate.pt", structure)]
    main(["predict", *files, "--output", str(folder / output), *options])


def analyse(folder, output, *options, structure="atoms.xyz", prediction="prediction"):
    files = [str(folder / prediction / "density.zarr.zip"), str(folder / structure)]
    main(["analyse", *files, "--output", str(folder / output), *options])
    return folder / output


def table(path):
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {name: [row[name] for row in rows] for name in rows[0]}


def numbers(found, name):
    return np.array(found[name], dtype=np.float64)


@pytest.fixture(scope="module")
def predicted(folder):
    options = ["--surrogate", str(folder / "surrogate.pt"), "--cubes", "--isosurface", "0.18"]
    options += ["--miller", "1", "1", "1", "--at", "0", "0.5", "--macroscopic-angstrom", "2.025"]
    return analyse(folder, "predicted", *options, "--regions", *PARTS)


def test_states_of_parts_of_the_cell_add_up_to_those_of_the_cell(folder, predicted):
    states, cell = table(predicted / "regions_dos.csv"), table(folder / "prediction" / "dos.csv")
    column = next(name for name in cell if name.startswith("dos") and "std" not in name)
    dos = numbers(cell, column)
    for parts in (("low", "high"), ("al",), ("one", "few")):
        found = sum(numbers(states, f"{part}_per_ev") for part in parts)
        np.testing.assert_allclose(found, dos, rtol=2e-6, atol=1e-6)
    assert (numbers(states, "ball_std_per_ev") > 0).any()
    assert (predicted / "regions_dos.svg").stat().st_size > 1000


def test_electrons_of_parts_add_up_to_all(predicted):
    parts = table(predicted / "regions.csv")
    electrons = dict(zip(parts["part"], numbers(parts, "electrons"), strict=True))
    assert electrons["low"] + electrons["high"] == pytest.approx(12, abs=1e-6)
    assert electrons["al"] == pytest.approx(12, abs=1e-6)
    assert electrons["one"] + electrons["few"] == pytest.approx(12, abs=1e-6)
    volumes = [float(one) for one in parts["volume_cubic_angstrom"][:2]]
    assert volumes == pytest.approx([aluminium().get_volume() / 2] * 2)
    assert parts["points"][3:] == ["", "", ""]


def test_stored_states_are_those_that_are_predicted_in_passing(folder, predicted):
    ldos = ["--ldos", str(folder / "prediction" / "ldos.zarr.zip")]
    stored = table(analyse(folder, "stored", *ldos, "--regions", *PARTS) / "regions_dos.csv")
    again = table(predicted / "regions_dos.csv")
    for part in ("low", "ball", "one"):
        np.testing.assert_allclose(
            numbers(stored, f"{part}_per_ev"),
            numbers(again, f"{part}_per_ev"),
            rtol=1e-5,
            atol=1e-6,
        )
    assert "low_std_per_ev" not in stored


class Counted:
    """An LDOS that counts the points it is asked for."""

    def __init__(self, source):
        self.source, self.points = source, 0
        self.shape, self.cell, self.energy = source.shape, source.cell, source.energy
        self.boxes = source.boxes

    def __call__(self, box):
        self.points += box.size
        return self.source(box)


def test_of_parts_alone_few_other_points_are_predicted(predicted):
    ball, wrapped = "ball=sphere:0.25,0.25,0.25,1.7", "wrapped=slab:b,0.85,1.1"
    atoms, whole = aluminium(0), table(predicted / "regions_dos.csv")
    for texts, most in (([ball], 600), ([ball, wrapped], 900), ([ball, "others=rest"], 1000)):
        parts = read_parts(texts, atoms)
        conditions = Conditions(block_points=20)
        source = Counted(PredictedLdos(small_surrogate(), atoms, GRID, conditions))
        found = states_of(source, parts, None, width=0.5).parts
        assert 300 < source.points <= most
        ball_alone = numbers(whole, "ball_per_ev")
        np.testing.assert_allclose(found["ball"].mean(axis=0), ball_alone, rtol=1e-5, atol=1e-6)
    both = (found["ball"] + found["others"]).mean(axis=0)
    np.testing.assert_allclose(both, numbers(whole, "al_per_ev"), rtol=1e-5, atol=1e-6)


def test_cubes_hold_the_density(folder, predicted):
    data = read_density(folder / "prediction" / "density.zarr.zip")
    for name, values in (("density", data.values), ("density_std", data.deviation)):
        found, atoms = read_cube_data(predicted / f"{name}.cube")
        # ASE knows no units: 1/bohr³ as written.
        np.testing.assert_allclose(found, values * 0.529177210903**3, rtol=1e-6)
        assert len(atoms) == 4


def test_the_map_knows_the_training_structure_and_doubts_another(folder, predicted):
    def excess(out):
        store = zarr.storage.ZipStore(out / "map.zarr.zip", mode="r")
        return xr.open_zarr(store, consolidated=False)["excess"].values

    assert excess(predicted).shape == (5, 5, 5)
    # At the points of a coarser grid of the training's own structure.
    assert excess(predicted).max() == 0
    atoms = table(predicted / "atoms.csv")
    assert set(numbers(atoms, "share_outside_of_training_range")) == {0.0}
    dented = aluminium(0)
    dented.positions[2] += [0.9, 0, 0]
    write(folder / "dented.xyz", dented, format="extxyz")
    predict(folder, "dented.xyz", "other")
    options = ["--surrogate", str(folder / "surrogate.pt"), "--map-spacing-angstrom", "0.5"]
    found = analyse(folder, "doubt", *options, structure="dented.xyz", prediction="other")
    assert excess(found).max() > 1
    shares = numbers(table(found / "atoms.csv"), "share_outside_of_training_range")
    assert ((shares >= 0) & (shares <= 1)).all()
    seen = numbers(table(found / "map.csv"), "largest_excess_standard_deviations")
    np.testing.assert_allclose(seen, excess(found).max(axis=2).ravel())
    assert (found / "map.svg").stat().st_size > 1000


def test_translation_by_a_grid_vector_changes_nothing_but_the_place(folder):
    moved = aluminium(0)
    shift = np.array([3, 0, 7]) / GRID
    moved.positions += shift @ moved.cell[:]
    write(folder / "moved.xyz", moved, format="extxyz")
    predict(folder, "moved.xyz", "moved")
    options = ["--surrogate", str(folder / "surrogate.pt"), "--map-spacing-angstrom", "0.405"]
    here = analyse(folder, "here", *options, "--regions", "p=sphere:0.1,0.2,0.3,1.5")
    middle = ",".join(f"{one:.12g}" for one in np.array([0.1, 0.2, 0.3]) + shift)
    regions = ["--regions", f"p=sphere:{middle},1.5"]
    there = analyse(folder, "there", *options, *regions, structure="moved.xyz", prediction="moved")
    for name, columns in {
        "atoms.csv": ("electrons", "electrons_std", "mean_excess_standard_deviations"),
        "regions.csv": ("points", "electrons"),
        "regions_dos.csv": ("p_per_ev",),
    }.items():
        one, other = table(here / name), table(there / name)
        for column in columns:
            np.testing.assert_allclose(
                numbers(one, column), numbers(other, column), rtol=1e-5, atol=1e-5
            )


def test_surfaces_and_planes_are_written(predicted):
    lines = (predicted / "isosurface_0.ply").read_text().splitlines()
    counts = [int(line.split()[2]) for line in lines if line.startswith("element")]
    header = lines.index("end_header") + 1
    assert len(lines) - header == sum(counts)
    assert lines[header + counts[0]].startswith("3 ")
    surface = table(predicted / "isosurface_0.csv")
    assert 0 < float(surface["electrons_above"][0]) < 12
    plane = table(predicted / "slice_1.csv")
    density = numbers(plane, "density_per_cubic_angstrom")
    assert ((density > 0.15) & (density < 0.2)).all()
    profile = table(predicted / "profile.csv")
    means = [numbers(profile, f"{kind}density_per_cubic_angstrom") for kind in ("", "macroscopic_")]
    assert means[0].mean() == pytest.approx(means[1].mean())
    for name in ("isosurface_0", "slice_1", "profile", "map"):
        assert (predicted / f"{name}.pdf").stat().st_size > 1000


def test_a_density_that_passes_in_parts_is_the_same(folder, monkeypatch):
    path = folder / "prediction" / "density.zarr.zip"
    whole = read_density(path)
    monkeypatch.setattr(predicted_fields, "chunk_shape", lambda _: (3, 10, 10))
    data = StoredDensity(path)
    assert [begin for begin, _ in data.planes()] == [0, 3, 6, 9]
    sums = [Profile(axis, GRID) for axis in range(3)]
    planes = [GridPlane(data.cell, axis, 0.71, GRID) for axis in range(3)]
    gather(data.planes(), [*sums, *planes])
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        np.testing.assert_allclose(sums[axis].means[1], whole.deviation.mean(axis=others))
        np.testing.assert_array_equal(sums[axis].largest[0], whole.values.max(axis=others))
        np.testing.assert_array_equal(planes[axis].values[0], np.take(whole.values, 7, axis=axis))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--regions", "slab:c,0,1"], "kind:numbers"),
        (["--regions", "a=cone:1,2"], "kind:numbers"),
        (["--regions", "a=slab:z,0,1"], "slab:c,0,0.5"),
        (["--regions", "a=slab:c,0.5,0.2"], "holds nothing"),
        (["--regions", "a=atoms:4"], "atoms:0,4-7"),
        (["--regions", "a=species:Be"], "species:Al"),
        (["--regions", "a=rest", "a=slab:c,0,1"], "one part called a"),
        (["--regions", "a_std=rest"], "_std"),
        (["--isosurface", "0"], "above 0"),
        (["--isosurface", "5"], "no such isosurface"),
        (["--miller", "1", "0"], "three whole numbers"),
        (["--miller", "2", "0", "0"], "common divisor"),
        (["--macroscopic-angstrom", "7"], "height of the cell, 4.05"),
        (["--map-spacing-angstrom", "0"], "spacing"),
    ],
)
def test_what_makes_no_sense_is_named(folder, options, message):
    with pytest.raises(SystemExit, match=message):
        analyse(folder, "never", *options)
    assert not (folder / "never").exists()


def test_a_surrogate_of_other_elements_is_refused(folder):
    beryllium = aluminium(0)
    other = Atoms("Be4", beryllium.positions, cell=beryllium.cell, pbc=True)
    write(folder / "be.xyz", other, format="extxyz")
    with pytest.raises(SystemExit, match="not trained on all elements"):
        analyse(folder, "never", "--surrogate", str(folder / "surrogate.pt"), structure="be.xyz")


def test_a_structure_of_other_contents_is_told(folder, predicted, caplog):
    write(folder / "elsewhere.xyz", aluminium(3), format="extxyz")
    analyse(folder, "elsewhere", structure="elsewhere.xyz")
    assert "was not predicted from the file" in caplog.text
    assert "atoms.xyz" in caplog.text
    caplog.clear()
    analyse(folder, "own")
    assert "was not predicted" not in caplog.text
