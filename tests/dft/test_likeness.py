"""Structures are known by their contents, not by their files or the order of their atoms."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from tiny_workflow import edit_config

from surrogate_hpo.config.load import load_config
from surrogate_hpo.dft.likeness import are_same, equal_pairs, frame_distances
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.verbs.check.verb import check


@pytest.fixture
def alloy() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.set_cell([[5.6, 0, 0], [0.4, 5.5, 0], [0.1, -0.3, 5.8]], scale_atoms=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def reordered(atoms):
    return atoms[np.random.default_rng(2).permutation(len(atoms))]


def moved_by_lattice_vectors(atoms):
    moved = atoms.copy()
    steps = np.random.default_rng(3).integers(-2, 3, (len(atoms), 3))
    moved.positions += steps @ atoms.cell[:]
    return moved


def shifted(atoms):
    moved = atoms.copy()
    moved.positions += [0.7, -3.1, 12.0]
    return moved


def rotated(atoms):
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    return turned


def rounded(atoms):
    return Atoms(
        atoms.symbols, positions=atoms.positions.round(6), cell=atoms.cell[:].round(6), pbc=True
    )


@pytest.mark.parametrize(
    "change", [Atoms.copy, reordered, moved_by_lattice_vectors, shifted, rotated, rounded]
)
def test_what_changes_no_crystal_is_seen_through(alloy, change):
    other = change(alloy)
    assert are_same(alloy, other)
    assert list(equal_pairs([alloy, other])) == [(1, 0)]


def displaced(atoms):
    moved = atoms.copy()
    moved.positions[3, 1] += 1e-3
    return moved


def strained(atoms):
    wider = atoms.copy()
    wider.set_cell(atoms.cell[:] * 1.001, scale_atoms=True)
    return wider


def exchanged(atoms):
    other = atoms.copy()
    other.symbols[[0, 1]] = other.symbols[[1, 0]]
    return other


def mirrored(atoms):
    other = atoms.copy()
    other.set_scaled_positions(-atoms.get_scaled_positions())
    return other


@pytest.mark.parametrize("change", [displaced, strained, exchanged, mirrored])
def test_another_crystal_is_another(alloy, change):
    assert not are_same(alloy, change(alloy))
    assert list(equal_pairs([alloy, change(alloy)])) == []


def test_all_repetitions_point_to_the_first(alloy):
    other = displaced(alloy)
    found = list(equal_pairs([alloy, other, shifted(alloy), reordered(other), alloy]))
    assert found == [(2, 0), (3, 1), (4, 0)]


def test_distances_are_of_nearest_images_without_the_common_motion(alloy):
    moved = moved_by_lattice_vectors(shifted(alloy))
    moved.positions[0, 0] += 0.08
    distances = frame_distances([alloy, moved, reordered(alloy), bulk("Al")])
    n = len(alloy)
    assert distances[0, 1] == pytest.approx(0.08 * np.sqrt((1 - 1 / n) / n), rel=1e-6)
    np.testing.assert_allclose(distances[:2, :2], distances[:2, :2].T, atol=1e-12)
    assert np.isnan(distances[0, 3])
    assert np.isnan(distances[3, 0])


def frames(count: int, step: float) -> list[Atoms]:
    """A trajectory of small steps about its sites."""
    generator, made = np.random.default_rng(0), []
    for _ in range(count):
        atoms = bulk("Al", cubic=True)
        atoms.positions += generator.normal(0, step, (4, 3))
        made.append(atoms)
    return made


def own_files(project, training, test):
    edit_config(
        project, "snapshots", method="files", training=training, validation=["v.xyz"], test=test
    )
    return load_config([project / "config.yaml"])


@pytest.mark.parametrize(
    "name", ["./md.xyz@0", "md.xyz@00", "link.xyz@0", "copy.xyz@0", "one.xyz", "POSCAR"]
)
def test_a_held_out_structure_is_found_under_any_name(project, name):
    made = frames(3, 0.2)
    write(project / "md.xyz", made[:2], format="extxyz")
    write(project / "v.xyz", made[2], format="extxyz")
    (project / "link.xyz").symlink_to("md.xyz")
    (project / "copy.xyz").write_bytes((project / "md.xyz").read_bytes())
    write(project / "one.xyz", made[0], format="extxyz")
    write(project / "POSCAR", made[0], format="vasp")
    config = own_files(project, ["md.xyz@0", "md.xyz@1"], [name])
    message = rf"used twice(.|\n)*got: {re.escape(name)}, already in training as md\.xyz@0"
    with pytest.raises(ConfigError, match=message):
        check(config)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (0, r"both learnt from(.|\n)*beyond\.extxyz, structure 1, already learnt from as training"),
        (3, r"count twice(.|\n)*beyond\.extxyz, structure 1, already held out as test-0000"),
    ],
)
def test_structures_beyond_the_run_are_none_of_the_run(project, frame, message):
    made = frames(5, 0.2)
    write(project / "md.xyz", made, format="extxyz")
    write(project / "v.xyz", made[2], format="extxyz")
    for atoms in made:
        atoms.info["total_free_energy_ev"] = -228.0
    write(project / "beyond.extxyz", [made[4], made[frame]])
    own_files(project, ["md.xyz@0", "md.xyz@1"], ["md.xyz@3"])
    edit_config(project, "transfer", structures=["beyond.extxyz"])
    with pytest.raises(ConfigError, match=message):
        check(load_config([project / "config.yaml"]))


def test_generated_snapshots_without_displacements_are_the_same(project):
    edit_config(project, "snapshots", debye_waller_b_angstrom2=1e-14)
    with pytest.raises(ConfigError, match=r"used twice(.|\n)*and \d more"):
        check(load_config([project / "config.yaml"]))


def test_near_frames_in_different_splits_are_told_with_their_distance(project, caplog):
    still, far = frames(2, 0.2), frames(8, 0.2)[4:]
    near = still[1].copy()
    near.positions[0, 0] += 0.05
    write(project / "md.xyz", [*still, near], format="extxyz")
    for name, atoms in zip(("v.xyz", "far.xyz"), far, strict=False):
        write(project / name, atoms, format="extxyz")
    training = ["md.xyz@0", "md.xyz@1"]
    check(own_files(project, training, ["far.xyz"]))
    assert "nearly agree" not in caplog.text
    check(own_files(project, training, ["md.xyz@2"]))
    assert "a pair of structures of training and test that nearly agree" in caplog.text
    assert "md.xyz@1 and md.xyz@2, 0.022 Å apart" in caplog.text


def test_frames_of_one_file_are_compared_with_its_usual_distance(project, caplog):
    apart = frames(4, 0.6)
    near = apart[1].copy()
    near.positions += np.random.default_rng(5).normal(0, 0.2, (4, 3))
    write(project / "md.xyz", [*apart, near], format="extxyz")
    write(project / "v.xyz", frames(9, 0.6)[-1], format="extxyz")
    check(own_files(project, ["md.xyz@0:4"], ["md.xyz@4"]))
    assert "md.xyz@1 and md.xyz@4, 0." in caplog.text
