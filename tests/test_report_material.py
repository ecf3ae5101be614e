import pytest
from ase.build import bulk

from surrogate_hpo.figures.methods_data import describe_snapshots
from surrogate_hpo.stages.report_material import (
    composition,
    strains,
    temperatures,
    volume_per_atom,
)

GENERATED = {"method": "displacements", "temperature_kelvin": 298.0}
SMALL = bulk("Al", "fcc", a=4.05, cubic=True)


def labelled(repeat: int, **info: float):
    atoms = SMALL.repeat([repeat, 1, 1])
    atoms.info |= info
    return atoms


def test_cells_of_one_size_are_described_by_their_formula():
    assert composition([SMALL, SMALL]) == "4 Al"
    assert volume_per_atom([SMALL]) == "16.6"
    assert temperatures([SMALL], GENERATED) == "298 K"
    assert strains([SMALL]) == ""
    alloy = SMALL.copy()
    alloy.symbols[:2] = "Ti"
    assert composition([alloy]) == "2 Ti, 2 Al"


def test_cells_of_several_sizes_are_described_by_ranges():
    cells = [
        labelled(1, temperature_kelvin=200.0, strain_percent=-1.0),
        labelled(4, temperature_kelvin=600.0),
    ]
    assert composition(cells) == "4 to 16 Al"
    assert temperatures(cells, GENERATED) == "200 to 600 K"
    assert strains(cells) == "-1 to 0 %"
    text = describe_snapshots(
        GENERATED | {"temperatures": temperatures(cells, GENERATED), "strains": strains(cells)},
        f"{composition(cells)} atoms per periodic cell",
        {"training": 3, "validation": 1, "test": 1},
    )
    assert "of 4 to 16 Al atoms per periodic cell" in text
    assert "scaled linearly to 200 to 600 K, in cells strained by -1 to 0 %. 3 of them" in text


@pytest.mark.parametrize(("info", "expected"), [({}, ""), ({"temperature_kelvin": 933}, "933 K")])
def test_of_own_structures_only_what_they_say_is_known(info, expected):
    settings = {"method": "files", "temperature_kelvin": 298.0}
    assert temperatures([labelled(1, **info)], settings) == expected
