"""Kept states of simulations, damaged in many ways: an error that names the file, or none."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure
from surrogate_hpo.simulation.dynamics import DynamicsMotion, DynamicsSettings
from surrogate_hpo.simulation.motion import Motion, Schedule, advance
from surrogate_hpo.simulation.recording import STATE, Recording
from surrogate_hpo.simulation.relaxation import RelaxationMotion

ORIGIN = {"verb": "a test", "seed": 1}
SCHEDULE = Schedule(steps=4, frame_every=2)
CUTS, FLIPS, WORDS = 25, 60, 80
WRONG = [None, True, -1, 0, 10**400, 1e300, "x", "", [], {}, [[]], [None], "9" * 50]


class Calculator(EMT):
    """EMT with what the calculator of a surrogate tells beside energy and forces."""

    def calculate(self, *arguments: object) -> None:
        checked_structure(arguments[0], "the structure")  # as the calculator of a surrogate does
        super().calculate(*arguments)
        self.results |= {"free_energy_error_bar": 0.1, "warnings": []}
        self.results |= {"fraction_of_points_outside": 0.0, "largest_excess": 0.0}


def motion(kind: str) -> Motion:
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = Calculator()
    if kind == "dynamics":
        return DynamicsMotion(atoms, DynamicsSettings("nvt", 300.0))
    return RelaxationMotion(atoms, 1e-9, cell=kind == "cell")


def go_on(folder: Path, kind: str, steps: int = 4) -> None:
    with Recording(folder, ORIGIN, anew=False) as recording:
        advance(motion(kind), recording, replace(SCHEDULE, steps=steps))


@pytest.fixture(scope="module", params=["dynamics", "relax", "cell"])
def kept(request, tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp(request.param) / "run"
    go_on(folder, request.param)
    return folder, request.param


def refused_or_fine(kept: tuple[Path, str], scratch: Path, content: bytes) -> bool:
    """Whether a damaged state is refused; anything but a clear error fails the test."""
    folder, kind = kept
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(folder, scratch)
    (scratch / STATE).write_bytes(content)
    try:
        with np.errstate(all="ignore"):
            go_on(scratch, kind, steps=6)
    except DataError as error:
        text = str(error)
        assert str(scratch) in text
        assert "--anew" in text or "nothing can be predicted" in text
        return True
    return False


def test_a_state_that_is_whole_goes_on(kept, tmp_path):
    content = (kept[0] / STATE).read_bytes()
    assert not refused_or_fine(kept, tmp_path / "run", content)


def test_a_truncated_state_is_refused(kept, tmp_path):
    content = (kept[0] / STATE).read_bytes()
    whole = len(content.rstrip())
    for length in np.linspace(0, whole - 1, CUTS, dtype=int):
        assert refused_or_fine(kept, tmp_path / "run", content[:length]), length


def test_flipped_bytes_give_a_clear_error_or_none(kept, tmp_path):
    content, rng = (kept[0] / STATE).read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(FLIPS):
        damaged = bytearray(content)
        for place in rng.integers(len(damaged), size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        refused += refused_or_fine(kept, tmp_path / "run", bytes(damaged))
    assert refused > FLIPS // 4


def places(value: object) -> list[list[object]]:
    """Ways to every part of a JSON value."""
    found: list[list[object]] = [[]]
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    return found + [[key, *rest] for key, one in items for rest in places(one)]


def test_parts_of_another_kind_give_a_clear_error_or_none(kept, tmp_path):
    state = json.loads((kept[0] / STATE).read_text())
    ways = [way for way in places(state) if way and way[0] != "origin"]
    rng, refused = np.random.default_rng(1), 0
    for _ in range(WORDS):
        changed = json.loads(json.dumps(state))
        way = ways[rng.integers(len(ways))]
        part = changed
        for key in way[:-1]:
            part = part[key]
        part[way[-1]] = WRONG[rng.integers(len(WRONG))]
        refused += refused_or_fine(kept, tmp_path / "run", json.dumps(changed).encode())
    assert refused > WORDS // 2
