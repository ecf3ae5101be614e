"""The audit of choices on the user's own frames and on snapshots, its rerun, and what it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from surrogate_hpo.cli import main
from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.sizes import Size
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.select_audit.figure import (
    draw_rules_against_random,
    rules_against_random_table,
)

SIZE = Size(4, 66.0, (9, 9, 9), (9, 9, 9), 100, 700, 4, 20)
OUTPUTS = ("--curves", "c.csv", "--worths", "w.csv", "--taus", "t.csv", "--summary", "s.json")


def frame(seed: int, forces: bool = True) -> Atoms:
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms.rattle(0.05 + 0.1 * (seed % 2), seed=seed)
    atoms.info["temperature_kelvin"] = 900.0 if seed % 2 else 300.0
    atoms.calc = EMT()
    known = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    atoms.calc = SinglePointCalculator(
        atoms, **{key: value for key, value in known.items() if forces or key == "energy"}
    )
    return atoms


def configured(project: Path, frames: list[Atoms], **settings: object) -> None:
    write(project / "own.extxyz", frames)
    config = yaml.safe_load((project / "config.yaml").read_text())
    given = {"files": ["own.extxyz"], "seeds": 3, "twojmax": 2, "random_draws": 2, "held_out": 0.4}
    given["target_share"] = 0.3
    config["select_audit"] = given | {"rules": ["d_optimal", "spread"], "batch": 6} | settings
    (project / "config.yaml").write_text(yaml.safe_dump(config))


def run() -> None:
    main(["select_audit", "--config", "config.yaml", *OUTPUTS, "--state", "state"])


@pytest.fixture
def audited(project) -> Path:
    configured(project, [frame(seed) for seed in range(40)])
    run()
    return project


def test_rules_are_judged_beside_random_with_intervals_and_words(audited):
    summary = json.loads((audited / "s.json").read_text())
    assert summary["structures"] == 40
    assert summary["classes"] == {"4 atoms, 300 K": 20, "4 atoms, 900 K": 20}
    assert summary["learnt_from"] == "energies and forces"
    assert set(summary["rules"]) == {"d_optimal", "spread"}
    for one in summary["rules"].values():
        for error in ("energy_mae", "energy_rmse", "force_rmse"):
            assert one[error]["low"] <= one[error]["dft_ratio_to_random"] <= one[error]["high"]
        assert one["tau"]["low"] <= one["tau"]["value"] <= one["tau"]["high"]
    assert "random" in summary["verdict"][-1]
    curves = read_table(audited / "c.csv")
    assert [row["dft_runs"] for row in curves if row["rule"] == "random"] == ["6", "12", "18", "24"]
    # All rules begin and end with the same structures.
    for step in (0, 3):
        ends = {float(row["energy_mae_mev_per_atom"]) for row in curves[step::4]}
        assert max(ends) == pytest.approx(min(ends), rel=1e-3)
    taus = read_table(audited / "t.csv")
    assert {row["class"] for row in taus} == {"all", "4 atoms, 300 K", "4 atoms, 900 K"}


def test_continuous_temperatures_are_judged_in_bands(project):
    frames = [frame(seed) for seed in range(40)]
    for number, atoms in enumerate(frames):
        atoms.info["temperature_kelvin"] = 210.5 + 20 * number
    configured(project, frames)
    run()
    classes = json.loads((project / "s.json").read_text())["classes"]
    assert classes["4 atoms, 300-400 K"] == 5
    assert len(classes) <= 10
    assert sum(classes.values()) == 40
    ranks = {row["class"] for row in read_table(project / "t.csv")}
    assert "all" in ranks
    assert ranks - {"all"} <= classes.keys()


def test_an_interrupted_audit_goes_on_with_the_same_numbers(audited):
    before = {name: (audited / name).read_bytes() for name in ("c.csv", "w.csv", "s.json")}
    (state,) = (audited / "state").iterdir()
    records = sorted(state.iterdir())
    # Three replays of two rules and two random draws.
    assert len(records) == 12
    for record in records[::2]:
        record.unlink()
    kept = {record: record.stat().st_mtime_ns for record in records[1::2]}
    run()
    assert {name: (audited / name).read_bytes() for name in before} == before
    assert all(record.stat().st_mtime_ns == time for record, time in kept.items())


def test_the_figure_has_a_line_per_rule_and_intervals(audited):
    table = rules_against_random_table(read_table(audited / "c.csv"), read_table(audited / "w.csv"))
    lines, ratios = draw_rules_against_random(table).axes
    assert [line.get_label() for line in lines.lines] == ["random", "d_optimal", "spread"]
    low, high = (table.numbers(name)[4] for name in ("low", "high"))
    assert ratios.lines[0].get_xdata() == pytest.approx([low, high])
    assert np.isnan(table.numbers("low")[:4]).all()
    outputs = ("--figure", "f.svg", "--figure-pdf", "f.pdf", "--figure-table", "f.csv")
    main(["select_audit_figure", "--config", "config.yaml", *OUTPUTS[:4], *outputs])
    with (audited / "f.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 12


def test_without_forces_energies_alone_are_learnt_and_it_is_said(project):
    frames = [frame(seed, forces=seed != 4) for seed in range(24)]
    configured(project, frames, rules=["farthest_point"], batch=4, seeds=2)
    run()
    summary = json.loads((project / "s.json").read_text())
    assert summary["learnt_from"] == "energies"
    assert summary["notes"] == ["1 structures have no forces: energies alone are learnt from"]
    assert set(summary["rules"]["farthest_point"]) == {"tau", "energy_mae", "energy_rmse"}


def test_energies_in_another_unit_than_the_forces_are_refused(project):
    frames = [frame(seed) for seed in range(24)]
    for one in frames:
        one.calc.results["energy"] /= 13.6057
    configured(project, frames, rules=["farthest_point"], batch=4, seeds=2)
    with pytest.raises(SystemExit, match=r"not in the same units(.|\n)*energies in rydberg"):
        run()


def test_too_few_structures_and_settings_that_make_no_sense_are_explained(project):
    configured(project, [frame(seed) for seed in range(10)])
    with pytest.raises(SystemExit, match=r"too few structures(.|\n)*10 structures"):
        run()
    for bad in ({"rules": []}, {"rules": ["random", "random"]}, {"held_out": 1.0}, {"start": 2}):
        configured(project, [frame(1)], **bad)
        with pytest.raises(ConfigError, match="select_audit"):
            load_config([project / "config.yaml"])


def test_more_replays_take_more_time(project):
    needs = []
    for seeds in (5, 50):
        configured(project, [frame(1)], seeds=seeds)
        needs.append(need_of("select_audit")(Case(load_config([Path("config.yaml")]), SIZE)))
    assert needs[1].cpu_seconds > 2 * needs[0].cpu_seconds
