"""The select stage: pools made and read, what is dropped, and files that `snapshots` takes."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from tiny_workflow import edit_config, new_folder, planned

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.data.potentials import write_potential
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.potential.features import AtomDescriptor, energy_features
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.request import need_of
from surrogate_hpo.selection.classes import banded
from surrogate_hpo.stages.select.pool import candidates_of

SIZE = Size(4, 66.0, (9, 9, 9), (9, 9, 9), 100, 700, 4, 20)
OUTPUTS = ("--table", "c.csv", "--space", "s.csv", "--choice", "c.json", "--selected", "s.extxyz")
STATE = ("--state", "state")


def frame(seed: int, size: float = 0.1, symbol: str = "Al", repeat: int = 1) -> Atoms:
    atoms = bulk(symbol, "fcc", a=4.05, cubic=True) * (1, 1, repeat)
    atoms.rattle(size, seed=seed)
    return atoms


def configured(project: Path, **settings: object) -> None:
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["select"] = {"twojmax": 2, "number": 3} | settings
    (project / "config.yaml").write_text(yaml.safe_dump(config))


def run(project: Path, *more: str, **settings: object) -> tuple[dict, list[dict[str, str]]]:
    configured(project, **settings)
    known = [project / f"training-{n:04d}.extxyz" for n in range(4)]
    for number, path in enumerate(known):
        write(path, frame(number))
    words = ["--structures", *map(str, known), *OUTPUTS, *STATE, *more]
    main(["select", "--config", "config.yaml", *words])
    with (project / "c.csv").open() as handle:
        return json.loads((project / "c.json").read_text()), list(csv.DictReader(handle))


def refused(project: Path, **settings: object) -> str:
    with pytest.raises(SystemExit) as stop:
        run(project, **settings)
    return str(stop.value)


def test_a_generated_pool_is_the_same_again_and_the_choice_is_readable(project):
    pool = [{"number": 12, "temperature_kelvin": [300, 900], "strain_percent": [-2, 2]}]
    made, rows = run(project, pool=pool)
    first = (project / "s.extxyz").read_bytes()
    assert run(project, pool=pool)[0] == made
    assert (project / "s.extxyz").read_bytes() == first
    assert [row["candidate"] for row in rows] == [f"pool-{n:04d}" for n in range(12)]
    assert {row["class"] for row in rows} == {"4 atoms, 300 K", "4 atoms, 900 K"}
    chosen = sorted((int(row["order"]), row["candidate"]) for row in rows if row["order"])
    assert [name for _, name in chosen] == [one["candidate"] for one in made["chosen"]]
    for measure in ("farthest_point", "d_optimal", "nearest_neighbours", "wasserstein"):
        assert all(float(row[measure]) > 0 for row in rows)
    frames = read_structures("s.extxyz@:")
    assert len(frames) == 3
    assert {frame.info["temperature_kelvin"] for frame in frames} <= {300, 900}
    # Other seeds than the snapshots': none of the training is among the candidates.
    assert made["dropped"] == {}


def test_what_is_dropped_is_counted_and_listed_with_its_reason(project):
    close = frame(20)
    close.positions[1] = close.positions[0] + [0, 0, 1.9]
    one_atom_on_another = frame(21)
    one_atom_on_another.positions[1] = one_atom_on_another.positions[0]
    open_cell = frame(22)
    open_cell.pbc = False
    frames = [frame(n) for n in range(10, 15)]
    frames += [frame(0), close, one_atom_on_another, open_cell, frame(23, symbol="Cu")]
    write(project / "run.traj", [*frames, frame(24, repeat=2)])
    made, rows = run(project, pool=[{"files": ["run.traj"], "temperature_kelvin": 500}])
    reasons = {row["source"][-2:].strip(): row["reason"] for row in rows}
    assert reasons["5"] == "duplicate: of training structure 0"
    assert reasons["6"].startswith("overlap: two atoms at 1.90 Å")
    assert "overlap" in reasons["7"]
    assert "not periodic" in reasons["8"]
    assert reasons["9"] == "element: no training structure holds Cu"
    assert [row["status"] for row in rows].count("dropped") == 5 == sum(made["dropped"].values())
    assert made["notes"] == [
        "1 candidates have numbers of atoms that no training snapshot has (8 instead of 4)"
    ]
    assert rows[0]["class"] == "4 atoms, 500 K"


def copied(atoms: Atoms) -> Atoms:
    """The same crystal: turned, shifted, in another order, and rounded as by a file."""
    copy = atoms[[2, 0, 3, 1]]
    copy.rotate(37, (1, 2, 3), rotate_cell=True)
    copy.translate([0.7, 1.2, -0.4])
    copy.wrap()
    copy.positions = copy.positions.round(5)
    return copy


@pytest.mark.parametrize("distance", [{}, {"duplicate_distance": 0.0}])
def test_what_is_held_out_is_not_chosen_whatever_the_copy_looks_like(project, distance):
    held_out = [project / f"{name}.extxyz" for name in ("validation-0000", "test-0000")]
    for path, seed in zip(held_out, (11, 12), strict=True):
        write(path, frame(seed))
    write(project / "run.traj", [copied(frame(n)) for n in (0, 12, 13, 14, 11)])
    settings = {"pool": [{"files": ["run.traj"]}], "number": 2} | distance
    made, rows = run(project, "--held-out-structures", *map(str, held_out), **settings)
    reasons = [row["reason"] for row in rows if row["status"] == "dropped"]
    told = [f"duplicate: of {path.stem}, which is held out" for path in held_out]
    # At a distance of zero, what is learnt from may come again if it is rounded.
    known = [] if distance else ["duplicate: of training structure 0"]
    assert reasons == [*known, told[1], told[0]]
    assert made["dropped"] == {"duplicate": len(reasons)}
    with (project / "s.csv").open() as handle:
        placed = list(csv.DictReader(handle))
    assert [row["status"] for row in placed].count("training") == 4
    assert len(placed) == 4 + 5  # those that are held out are neither


def test_structures_that_are_held_out_change_nothing_but_what_is_dropped(project):
    foreign, hot = project / "test-0000.extxyz", project / "test-0001.extxyz"
    write(foreign, frame(30, symbol="Cu"))
    write(hot, frame(31, size=1.0))
    frames = [*map(frame, range(10, 18)), frame(32, size=0.8), frame(33, symbol="Cu")]
    write(project / "run.traj", frames)
    settings = {"overlap_fraction": 0.0, "extrapolation_limit": 3.0}
    settings |= {"pool": [{"files": ["run.traj"]}]}
    without, rows = run(project, **settings)
    assert without["dropped"] == {"extrapolation": 1, "element": 1}
    made, same = run(project, "--held-out-structures", str(foreign), str(hot), **settings)
    assert same == rows
    assert made["chosen"] == without["chosen"]
    assert rows[8]["reason"].startswith("extrapolation: an atom ")


def test_a_pool_of_nothing_but_copies_or_foreign_elements_is_explained(project):
    write(project / "run.extxyz", [frame(0), frame(1), frame(5, symbol="Cu")])
    said = refused(project, pool=[{"files": ["run.extxyz"]}])
    assert "all candidates of the pool are rejected" in said
    assert "duplicate 2, element 1" in said
    write(project / "run.extxyz", [frame(9, symbol="Cu")])
    assert "element: no training structure holds Cu" in refused(
        project, pool=[{"files": ["run.extxyz"]}]
    )


def test_a_budget_above_the_pool_an_unreadable_pool_and_none_are_explained(project):
    pool = [{"files": ["run.extxyz"]}]
    write(project / "run.extxyz", [frame(n) for n in range(5, 9)])
    assert "at most 4, the candidates that are left" in refused(project, pool=pool, number=5)
    (project / "run.extxyz").write_text("no structure\n")
    assert "cannot be read" in refused(project, pool=pool)
    assert "does not exist" in refused(project, pool=[{"files": ["other.traj"]}])
    said = refused(project, pool=[])
    assert "no pool to choose from" in said
    assert "trajectory.extxyz" in said


def test_a_pool_without_a_cell_to_displace_is_refused(project):
    config = yaml.safe_load((project / "config.yaml").read_text())
    config["snapshots"] = {
        "method": "files",
        **{split: [f"{split}.extxyz@0:2"] for split in ("training", "validation", "test")},
    }
    (project / "config.yaml").write_text(yaml.safe_dump(config))
    assert "says neither how nor of which cell" in refused(project, pool=[{"number": 4}])


def hop(project: Path) -> None:
    """Files of a vacancy, and of where a neighbour has gone into its place."""
    crystal = bulk("Al", "fcc", a=4.05, cubic=True) * (2, 1, 1)
    begin, end = crystal.copy(), crystal.copy()
    end.positions[1] = crystal.positions[0]
    for name, one in (("begin", begin), ("end", end)):
        del one[0]
        write(project / f"{name}.extxyz", one)


# The training has no vacancy: its neighbourhoods are far from these.
FAR = {"extrapolation_limit": 1000}
BAND = {"ends": ["begin.extxyz", "end.extxyz"], "images": 3}


def test_images_of_a_band_are_candidates_with_both_ends(project):
    hop(project)
    # Begin and end are the same to descriptors, which see neither order nor place; so are images.
    made, rows = run(project, pool=[{"neb": BAND}], number=2, **FAR)
    assert [row["source"][:5] for row in rows] == ["band "] * 5
    assert rows[2]["source"] == "band from begin.extxyz to end.extxyz, image 2 of 0 to 4"
    assert {rows[n]["reason"] for n in (3, 4)} == {f"duplicate: of pool-000{n}" for n in (0, 1)}
    assert made["dropped"] == {"duplicate": 2}
    assert {row["class"] for row in rows} == {"7 atoms"}


def test_a_potential_pulls_the_band_tight_and_what_is_not_is_said(project, caplog):
    hop(project)
    descriptor = AtomDescriptor(4.0, 2, ("Al",))
    coefficients = 1e-3 * np.random.default_rng(1).normal(size=descriptor.features)
    write_potential(
        project / "p.json", Potential(descriptor, coefficients, None, np.empty((0, 0)), {}), {}
    )
    band = BAND | {"model": "p.json", "steps": 2, "force_threshold_ev_per_angstrom": 1e-6}
    bands = []
    for neb in (BAND, band):
        configured(project, pool=[{"neb": neb}])
        config = load_config([project / "config.yaml"])
        bands.append([one.atoms for one in candidates_of(config.select, config.snapshots, 1)])
    assert "are still above 1e-06 eV/Å after 2 steps" in caplog.text
    moved = [
        np.abs(one.positions - other.positions).max() for one, other in zip(*bands, strict=True)
    ]
    assert moved[0] == moved[4] == 0  # the ends stay
    assert min(moved[1:4]) > 0.01


def test_ends_of_a_band_that_do_not_fit_are_explained(project):
    hop(project)
    begin, end = (read(project / f"{name}.extxyz") for name in ("begin", "end"))
    for other, words in (
        (end[:6], "the same atoms at both ends"),
        (frame(3, repeat=2), "the same atoms at both ends"),
        (begin, "the same structure twice"),
    ):
        write(project / "end.extxyz", other)
        said = refused(project, pool=[{"neb": BAND}])
        assert words in said
        assert "begin.extxyz to end.extxyz" in said
    (project / "end.extxyz").unlink()
    assert "does not exist" in refused(project, pool=[{"neb": BAND}])
    for bad in (
        {"neb": BAND, "number": 4},
        {"neb": BAND | {"ends": ["begin.extxyz"]}},
        {"neb": BAND | {"interpolation": "spline"}},
        {"neb": BAND | {"images": 0}},
        {"neb": BAND | {"ends": ["begin.extxyz@:", "end.extxyz"]}},
    ):
        configured(project, pool=[bad])
        with pytest.raises(ConfigError, match=r"neb|pool"):
            load_config([project / "config.yaml"])


def test_files_of_a_band_are_inputs_and_its_images_count(project):
    band = BAND | {"ends": ["a.traj@0", "a.traj@7"], "model": "p.json"}
    configured(project, pool=[{"neb": band}, {"number": 4}])
    settings = load_config([project / "config.yaml"]).select
    assert settings.own_files == ["a.traj", "p.json"]
    assert settings.pool_size == 9
    assert settings.generates


def test_the_spread_is_that_of_the_members_of_a_potential(project):
    descriptor = AtomDescriptor(4.0, 2, ("Al",))
    members = np.random.default_rng(1).normal(size=(4, descriptor.features))
    made = Potential(descriptor, members[0], None, members, {})
    write_potential(project / "p.json", made, {})
    pool = [{"number": 6, "temperature_kelvin": 600}]
    found, rows = run(project, "--potential", "p.json", rule="spread", pool=pool)
    energies = members @ energy_features(read(project / "s.extxyz", index=0), descriptor)
    assert found["chosen"][0]["measure"] == pytest.approx(energies.std(ddof=1) / 4)
    spreads = [float(row["spread_ev_per_atom"]) for row in rows]
    assert max(spreads) == pytest.approx(energies.std(ddof=1) / 4)
    assert "a potential, and none is given" in refused(project, rule="spread", pool=pool)
    write_potential(project / "p.json", replace(made, members=members[:1]), {})
    configured(project, rule="spread", pool=pool)
    with pytest.raises(SystemExit, match=r"two members or more(.|\n)*potential.members"):
        run(project, "--potential", "p.json", rule="spread", pool=pool)


def test_settings_that_make_no_sense_are_refused_and_the_need_grows_with_the_pool(project):
    for bad in (
        {"rule": "best"},
        {"number": 0},
        {"pool": [{"number": 10**6}]},
        {"pool": [{"files": ["run.traj@-1"]}]},
    ):
        configured(project, **bad)
        with pytest.raises(ConfigError, match="select"):
            load_config([project / "config.yaml"])
    needs = []
    for number in (100, 10_000):
        configured(project, pool=[{"number": number}])
        config = load_config([project / "config.yaml"])
        needs.append(need_of("select")(Case(config, SIZE)))
    assert needs[1].memory_bytes > needs[0].memory_bytes
    assert needs[1].cpu_seconds > needs[0].cpu_seconds + 10
    configured(project, pool=[{"number": 10_000, "supercell_atoms": [8, 32]}])
    larger = need_of("select")(Case(load_config([project / "config.yaml"]), SIZE))
    assert larger.memory_bytes > needs[1].memory_bytes + 1e8


def test_both_are_run_when_asked_for_and_a_model_is_fitted_only_for_the_rule_that_asks_it(tmp_path):
    folder = new_folder(tmp_path / "run")
    assert not {"select", "select_audit"} & planned(folder)
    edit_config(folder, "select", rule="spread", pool=[{"number": 20}])
    found = planned(folder, "select_figure", "select_audit_figure")
    assert {"select", "select_audit", "potential", "snapshots", "dft"} <= found
    assert "ldos" not in found
    edit_config(folder, "select", rule="kmeans")
    assert planned(folder, "select") == {"snapshots", "select"}


def test_another_cell_reruns_the_selection_and_other_snapshots_do_not(project):
    config = load_config([project / "config.yaml"])
    decided = config.job_settings("select")
    more = config.snapshots.model_copy(update={"test": 9})
    assert config.model_copy(update={"snapshots": more}).job_settings("select") == decided
    hot = config.snapshots.model_copy(update={"temperature_kelvin": 500.0})
    assert config.model_copy(update={"snapshots": hot}).job_settings("select") != decided


def test_classes_of_many_temperatures_are_drawn_in_bands():
    few = ["4 atoms, 300 K", "4 atoms, 900 K"]
    assert list(banded(few)) == few
    many = [f"8 atoms, {300 + 7.5 * n:g} K" for n in range(50)] + ["4 atoms"]
    found = list(banded(many))
    assert found[0] == "8 atoms, 300-400 K"
    assert found[-2:] == ["8 atoms, 600-700 K", "4 atoms"]
    assert len(set(found)) == 5
    wide = list(banded([f"8 atoms, {100 * n} K" for n in range(1, 40)]))
    assert wide[0] == "8 atoms, 0-500 K"
    assert len(set(wide)) == 8
