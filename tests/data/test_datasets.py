import dataclasses

import numpy as np
import pytest

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError

DEFINITION = DescriptorDefinition(4.0, 2)


@pytest.fixture
def stores(tmp_path):
    """Two snapshots' stores and a function that rewrites one of them."""
    generator = np.random.default_rng(1)
    shape, cell = (2, 3, 4), 4 * np.eye(3)

    def write(index, ldos_changes=None, descriptor_changes=None):
        ldos = LdosData(
            generator.random((*shape, 6), dtype=np.float32),
            LdosAxis(np.arange(6.0), "gaussian", 1.0),
            cell,
            3.0,
        )
        descriptors = DescriptorData(
            generator.random((*shape, 5), dtype=np.float32), cell, DEFINITION
        )
        ldos = dataclasses.replace(ldos, **(ldos_changes or {}))
        descriptors = dataclasses.replace(descriptors, **(descriptor_changes or {}))
        write_ldos(tmp_path / f"l{index}.zarr.zip", ldos, {})
        write_descriptors(tmp_path / f"d{index}.zarr.zip", descriptors, {})
        return descriptors, ldos

    data = [write(0), write(1)]
    paths = (
        [tmp_path / f"d{i}.zarr.zip" for i in (0, 1)],
        [tmp_path / f"l{i}.zarr.zip" for i in (0, 1)],
    )
    return data, paths, write


def test_points_of_all_snapshots_in_order(stores):
    data, paths, _ = stores
    points = read_points(*paths)
    assert points.descriptors.shape == (48, 5)
    np.testing.assert_array_equal(points.ldos[24:], data[1][1].values.reshape(24, 6))
    np.testing.assert_array_equal(points.descriptors[:24], data[0][0].values.reshape(24, 5))


@pytest.mark.parametrize(
    ("ldos", "descriptors", "message"),
    [
        (
            {"values": np.zeros((2, 3, 5, 6), np.float32)},
            {},
            r"different grids(.|\n)*\(2, 3, 5\)(.|\n)*\(2, 3, 4\)",
        ),
        ({"cell": 5 * np.eye(3)}, {}, "different cells"),
        (
            {"axis": LdosAxis(np.arange(6.0), "gaussian", 0.5)},
            {},
            r"different energy axes or kernels(.|\n)*gaussian 0.5 eV",
        ),
        ({"axis": LdosAxis(np.arange(6.0) + 1, "gaussian", 1.0)}, {}, "different energy axes"),
        (
            {},
            {"definition": DescriptorDefinition(5.0, 2)},
            r"different settings(.|\n)*_angstrom': 5.0",
        ),
        ({"values": np.full((2, 3, 4, 6), np.nan, np.float32)}, {}, r"not finite(.|\n)*144 values"),
    ],
)
def test_stores_that_do_not_fit_are_named(stores, ldos, descriptors, message):
    _, paths, write = stores
    write(1, ldos, descriptors)
    with pytest.raises(DataError, match=message) as error:
        read_points(*paths)
    assert "1.zarr.zip" in str(error.value)


def test_stores_must_pair_up(stores):
    _, (descriptors, ldos), _ = stores
    with pytest.raises(DataError, match="do not pair up"):
        read_points(descriptors, ldos[:1])
