"""Groups of snapshots: names, seeds and settings that do not depend on what comes after."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.io import write
from tiny_workflow import REPOSITORY, edit_config

from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.run.case import case_of
from surrogate_hpo.stages.snapshots.stage import make_snapshot, snapshots
from surrogate_hpo.verbs.check.cells import (
    cell_facts,
    cell_warnings,
    means_warnings,
    representatives,
    volume_warnings,
)
from surrogate_hpo.verbs.check.verb import check
from surrogate_hpo.verbs.estimate.verb import estimate

CUBIC = {"number": 2}
SHAPED = {
    "number": 6,
    "supercell_atoms": [6, 8],
    "temperature_kelvin": {"minimum": 200, "maximum": 600},
    "strain_percent": {"minimum": -2, "maximum": 2},
}


def config_of(folder: Path, **changes: object) -> Config:
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings["snapshots"] |= changes
    path = folder / "groups.yaml"
    path.write_text(yaml.safe_dump(settings))
    return load_config([path])


def structures(config: Config, split: str = "training") -> list:
    names = config.snapshots.names(split)
    return [make_snapshot(config.snapshots, name, seed=config.seed) for name in names]


def test_groups_follow_each_other_and_one_alone_is_what_its_number_is(tmp_path):
    plain = config_of(tmp_path, training=2)
    grouped = config_of(tmp_path, training=[CUBIC, SHAPED])
    assert grouped.snapshots.names("training") == [f"training-{i:04d}" for i in range(8)]
    for one, other in zip(structures(plain), structures(grouped), strict=False):
        assert np.array_equal(one.positions, other.positions)
        assert one.info == other.info == {"temperature_kelvin": 298.0}
    assert [len(atoms) for atoms in structures(grouped)] == [4, 4, 6, 8, 6, 8, 6, 8]


def test_what_is_added_to_the_last_group_changes_nothing_that_exists(tmp_path):
    before = config_of(tmp_path, training=[CUBIC, SHAPED])
    after = config_of(tmp_path, training=[CUBIC, SHAPED | {"number": 9}, {"number": 1}])
    for name in before.snapshots.all_names():
        assert before.job_settings("snapshots", name) == after.job_settings("snapshots", name)
    for one, other in zip(structures(before), structures(after), strict=False):
        assert np.array_equal(one.positions, other.positions)
        assert np.array_equal(one.cell[:], other.cell[:])


def test_a_change_of_one_group_reruns_that_group_alone(tmp_path):
    before = config_of(tmp_path, training=[CUBIC, SHAPED])
    hotter = SHAPED | {"temperature_kelvin": {"minimum": 200, "maximum": 900}}
    after = config_of(tmp_path, training=[CUBIC, hotter])
    changed = [
        name
        for name in before.snapshots.all_names()
        if before.job_settings("snapshots", name) != after.job_settings("snapshots", name)
    ]
    assert changed == [f"training-{i:04d}" for i in range(2, 8)]


def test_temperature_strain_and_shape_are_those_that_are_recorded(tmp_path):
    config = config_of(tmp_path, training=[CUBIC, SHAPED | {"number": 40}])
    found = structures(config)[2:]
    kelvin, strain = (
        np.array([atoms.info[key] for atoms in found])
        for key in ("temperature_kelvin", "strain_percent")
    )
    assert 200 <= kelvin.min() < 215
    assert 585 < kelvin.max() <= 600
    assert np.abs(strain).max() <= 2
    assert {atoms.info["shape"] for atoms in found} == {0, 1, 2, 3}
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in found])
    assert volumes == pytest.approx(4.05**3 / 4 * (1 + strain / 100) ** 3)
    lattices = {tuple(np.round(a.cell.cellpar(), 3)) for a in found if len(a) == 8}
    assert len(lattices) > 4


def test_random_strains_have_the_asked_size_in_all_directions_and_leave_the_rest(tmp_path):
    group = {"number": 400, "random_strain_percent": 2, "temperature_kelvin": 1e-6}
    config = config_of(tmp_path, training=[CUBIC, group])
    plain, found = structures(config)[0], structures(config)[2:]
    strains = np.array([np.linalg.inv(plain.cell[:]) @ atoms.cell[:] for atoms in found])
    strains -= np.eye(3)
    assert np.abs(strains - strains.transpose(0, 2, 1)).max() < 1e-12
    spread = strains.std(axis=0)
    assert np.diagonal(spread) == pytest.approx([0.02] * 3, rel=0.15)
    assert spread[np.triu_indices(3, 1)] == pytest.approx([0.02 / np.sqrt(2)] * 3, rel=0.15)
    assert np.abs(strains.mean(axis=0)).max() < 0.004
    # Atoms move with the cell: at rest their coordinates in it are those of the crystal.
    sites = bulk("Al", "fcc", a=4.05, cubic=True).get_scaled_positions()
    apart = found[0].get_scaled_positions() - sites
    assert np.abs(apart - np.round(apart)).max() < 1e-3
    assert found[0].info["random_strain_percent"] == 2.0


def test_a_random_strain_comes_on_top_of_others_and_leaves_the_displacements(tmp_path):
    both = {"number": 1, "strain_percent": 3, "random_strain_percent": 1e-7}
    stretched, strained = (
        structures(config_of(tmp_path, training=[CUBIC, {**both, "random_strain_percent": s}]))[2]
        for s in (None, 1e-7)
    )
    assert np.allclose(stretched.positions, strained.positions, atol=1e-7)
    assert np.allclose(stretched.cell[:], strained.cell[:], atol=1e-7)
    assert strained.cell.lengths() == pytest.approx([4.05 * 1.03] * 3)


@pytest.mark.parametrize(
    ("given", "expected"), [(450, [450] * 4), ([300, 900.0], [300, 900, 300, 900])]
)
def test_temperatures_may_be_a_number_or_come_in_turn(tmp_path, given, expected):
    config = config_of(tmp_path, training=[{"number": 4, "temperature_kelvin": given}])
    assert [a.info["temperature_kelvin"] for a in structures(config)] == expected
    # The same name gives the same random numbers.
    plain = config_of(tmp_path, training=4, temperature_kelvin=expected[1])
    assert np.array_equal(structures(config)[1].positions, structures(plain)[1].positions)


def test_a_group_changes_keys_of_the_cell(tmp_path):
    path = tmp_path / "cell.cif"
    write(path, bulk("Al", "fcc", a=4.2, cubic=True))
    config = config_of(
        tmp_path,
        training=[
            {"number": 1, "cell": {"repeat": [2, 1, 1], "lattice_constant_angstrom": 4.1}},
            {"number": 1, "cell": {"file": str(path)}},
        ],
    )
    first, second = structures(config)
    assert first.cell.lengths() == pytest.approx([8.2, 4.1, 4.1])
    assert second.cell.lengths() == pytest.approx([4.2] * 3)
    assert config.snapshots.own_file("training-0000") is None
    assert config.snapshots.own_file("training-0001") == str(path)


def test_own_files_stand_beside_generated_snapshots_with_their_temperature(tmp_path):
    frames = [bulk("Al", "fcc", a=a, cubic=True) for a in (4.0, 4.1, 4.2)]
    path = str(tmp_path / "md@300.extxyz")
    write(path, frames)
    own = {"files": [f"{path}@0:2"], "temperature_kelvin": 933}
    config = config_of(tmp_path, training=[own, CUBIC, {"files": [f"{path}@2"]}])
    found = structures(config)
    assert [a.info.get("temperature_kelvin") for a in found] == [933, 933, 298, 298, None]
    assert config.snapshots.source_of("training-0001") == f"{path}@1"
    assert config.snapshots.own_file("training-0001") == path
    assert config.snapshots.deciding_one("training-0001") == {
        "method": "files", "source": f"{path}@1", "temperature_kelvin": 933,
    }  # fmt: skip
    only = {"method": "files", "training": [own], "validation": [{"files": [f"{path}@2"]}]}
    config = config_of(tmp_path, **only, test=[f"{path}@1"], cell=None)
    assert structures(config)[0].info == {"temperature_kelvin": 933}
    assert structures(config, "test")[0].info == {}


def test_the_stage_writes_the_labels_and_they_are_read_again(tmp_path):
    config = config_of(tmp_path, training=[SHAPED])
    path = tmp_path / "a.extxyz"
    snapshots(settings=config.snapshots, seed=7, snapshot="training-0001", structure=path)
    made = make_snapshot(config.snapshots, "training-0001", seed=7)
    assert read_structure(path).info == made.info
    assert set(made.info) == {"temperature_kelvin", "strain_percent", "shape"}


def test_a_label_that_is_no_number_is_refused(tmp_path):
    atoms = bulk("Al", cubic=True)
    atoms.info["temperature_kelvin"] = "hot"
    write(tmp_path / "a.extxyz", atoms)
    with pytest.raises(DataError, match=r"no number[\s\S]*temperature_kelvin=298[\s\S]*'hot'"):
        read_structure(tmp_path / "a.extxyz")
    with pytest.raises(DataError, match="no number"):
        write_structure(tmp_path / "b.extxyz", atoms)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({}, r"groups\.0: give either `number`.*or `files`"),
        ({"number": 1, "files": ["a.xyz"]}, "give either `number`"),
        ({"files": ["a.xyz"], "strain_percent": 1.0, "shapes": 2}, "leave out shapes, strain_p"),
        ({"files": ["a.xyz"], "random_strain_percent": 1.0}, "leave out random_strain_percent"),
        ({"number": 1, "random_strain_percent": 20}, "less than or equal to 10"),
        ({"files": ["a.xyz"], "temperature_kelvin": [1.0]}, "of own `files` is one number"),
        ({"files": ["a.xyz@2:2"]}, r"`training`: the range of `a.xyz@2:2` is empty"),
        ({"number": 1, "shapes": 2}, "give `supercell_atoms`"),
        ({"number": 1, "supercell_atoms": 8, "cell": {"repeat": [1, 1, 2]}}, "or `cell.repeat`"),
        ({"number": 1, "supercel_atoms": 8}, r"groups\.0.*did you mean `supercell_atoms`"),
        ({"number": 1, "cell": {"repeet": [1, 1, 2]}}, "did you mean `repeat`"),
        ({"number": 1, "temperature_kelvin": {"minimum": 9, "maximum": 2}}, "must not exceed"),
        ({"number": 1, "temperature_kelvin": {"minimum": 9}}, r"maximum: this key is required"),
        ({"number": 1, "temperature_kelvin": -3}, r"temperature_kelvin\.number: .*greater than 0"),
        ({"number": 1, "strain_percent": [0, 80]}, r"strain_percent\.list\.1: .*less than 50"),
        ({"number": 0}, "greater than 0"),
        ({"number": 1, "cell": {"symbol": "Be"}}, "has no entry for Be"),
    ],
)
def test_groups_that_make_no_sense_are_explained(tmp_path, group, message):
    with pytest.raises(ConfigError, match=message) as error:
        config_of(tmp_path, training=[group, {"number": 2}])
    assert str(error.value).count("\n  2.") == 0, error.value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "files", "cell": None}, "`training`: method `files` generates nothing"),
        ({"method": "finished", "cell": None}, "a list of finished calculations, not of groups"),
    ],
)
def test_groups_that_do_not_fit_the_method_are_explained(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        config_of(tmp_path, training=[{"number": 2}], **changes)


def test_one_atom_that_cannot_move_is_refused(tmp_path):
    primitive = {"symbol": "Al", "lattice_constant_angstrom": 4.05, "cubic": False}
    with pytest.raises(ConfigError, match=r"only atom of a cell cannot move[\s\S]*two atoms"):
        structures(config_of(tmp_path, cell=primitive))
    with pytest.raises(ConfigError, match="only atom"):
        structures(config_of(tmp_path, training=[{"number": 2, "supercell_atoms": 1}]))


# --- estimates and check ---


def test_estimates_know_the_size_of_each_snapshot(tmp_path):
    groups = [{"number": 3}, {"number": 2, "cell": {"repeat": [2, 2, 2]}}]
    case = case_of(config_of(tmp_path, training=groups))
    assert case.size.atoms == 32
    assert case.of("training-0000").size.atoms == case.of("test-0000").size.atoms == 4
    small, large = (case.of(f"training-000{i}").grid_points for i in (0, 4))
    assert case.points("training") == 3 * small + 2 * large
    assert estimate(case.config).startswith("cells of 4 atoms or more, the largest: 32 atoms")


def test_check_opens_one_of_each_cell(tmp_path):
    config = config_of(tmp_path, training=[CUBIC, SHAPED], test=[{"number": 1}])
    assert representatives(config) == ["training-0000", "training-0002", "training-0003"]


@pytest.mark.parametrize(
    ("percent", "wanted", "said"),
    [
        (None, False, None),
        (None, True, "all training cells have the same volume per atom"),
        (2, False, r"differ by up to \d+\.\d %, .*see descriptors.cell_density"),
        (2, True, None),
    ],
)
def test_check_says_where_the_density_of_the_cell_is_needed(tmp_path, percent, wanted, said):
    config = config_of(tmp_path, training=[{"number": 4, "random_strain_percent": percent}])
    own = config.descriptors.model_copy(update={"cell_density": wanted})
    config = config.model_copy(update={"descriptors": own})
    names = config.snapshots.names("training")
    warnings = list(volume_warnings(config, dict(zip(names, structures(config), strict=True))))
    assert len(warnings) == (said is not None)
    assert said is None or re.search(said, warnings[0])
    assert not list(volume_warnings(config, {}))


@pytest.mark.parametrize(
    ("number", "twojmax", "said"), [(9, 2, True), (10, 2, False), (27, 4, True), (3, None, False)]
)
def test_check_says_where_means_tell_cells_apart(tmp_path, number, twojmax, said):
    config = config_of(tmp_path, training=[{"number": number}])
    own = config.descriptors.model_copy(update={"cell_mean_twojmax": twojmax})
    warnings = list(means_warnings(config.model_copy(update={"descriptors": own})))
    assert len(warnings) == said
    assert not said or re.search(rf"beside {number} training cells, fewer than", warnings[0])


def test_check_says_what_mixed_cells_are_worth(tmp_path):
    config = config_of(
        tmp_path,
        training=[{"number": 4}, {"number": 4, "supercell_atoms": 2, "strain_percent": 15}],
        test=[{"number": 3, "cell": {"repeat": [2, 1, 1]}, "temperature_kelvin": 500}],
    )
    sizes = dict(case_of(config).sizes)
    assert list(cell_warnings(config, sizes)) == [
        "snapshots: training-0004 has 25.3 Å³ per atom, Al usually has 16.6; see to the lattice "
        "constant and strain_percent",
        "snapshots.validation: 2 of 4 atoms: what is said of cells of a size is uncertain with "
        "fewer than 3",
    ]
    assert list(cell_facts(config, sizes)) == [
        "trained on 2 to 4 atoms, tested on 8: errors will be those of another size",
        "trained on 298 K, tested on 500: errors will be those of another temperature",
        "supercells of 2 atoms have 2 shapes, fewer than asked for: they recur",
    ]
    alike = config_of(tmp_path)
    assert not list(cell_warnings(alike, dict(case_of(alike).sizes)))
    assert not list(cell_facts(alike, dict(case_of(alike).sizes)))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"number": 1, "temperature_kelvin": 9e4}, r"two atoms overlap\n\s+where: training-0002"),
        ({"number": 1, "supercell_atoms": 1}, "the only atom of a cell cannot move"),
    ],
)
def test_check_generates_what_can_be_wrong(project, group, message):
    edit_config(project, "snapshots", training=[CUBIC, group])
    with pytest.raises(ConfigError, match=message) as error:
        check(load_config([project / "config.yaml"]))
    assert "1 fault;" in str(error.value)


def test_own_structures_in_groups_are_used_once(project):
    write(project / "a.extxyz", [bulk("Al", cubic=True)])
    own = {"files": ["a.extxyz"]}
    edit_config(project, "snapshots", training=[CUBIC, own], test=[own])
    with pytest.raises(ConfigError, match=r"used twice[\s\S]*snapshots\.test"):
        check(load_config([project / "config.yaml"]))
