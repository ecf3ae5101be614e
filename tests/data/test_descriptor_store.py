import os
import zipfile

import numpy as np
import pytest
import xarray as xr
import zarr

from surrogate_hpo.data.descriptor_store import (
    DescriptorData,
    read_descriptors,
    write_descriptors,
    writing_descriptors,
)
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import DataError
from surrogate_hpo.files import zarr_zip
from surrogate_hpo.run.provenance import checksum

CELL = np.array([[4.0, 0, 0], [1, 4, 0], [0, 1, 5]])
DEFINITION = DescriptorDefinition(4.676, 2, {"Al": 1.0, "Be": 0.4}, {"Al": 0.5, "Be": 0.36})
SHAPE = (5, 6, 7)
VALUES = np.random.default_rng(0).random((*SHAPE, 5), dtype=np.float32)


@pytest.fixture
def small_chunks(monkeypatch):
    """Two planes, 2 · 6 · 7 points of 5 numbers, per chunk."""
    monkeypatch.setattr(zarr_zip, "CHUNK_BYTES", 2 * 6 * 7 * 5 * 4)


def stream(path, provenance, *, stop_after=None, points=1):
    """Write box by box; return the boxes that were still to do."""
    with writing_descriptors(path, SHAPE, CELL, DEFINITION, provenance) as store:
        boxes = store.pending(points)
        for number, box in enumerate(boxes):
            if number == stop_after:
                raise KeyboardInterrupt
            store.write(box, VALUES[box.slices].reshape(box.size, 5))
    return boxes


def test_round_trip_keeps_numbers_dimensions_units_and_definition(tmp_path):
    path = tmp_path / "new folder" / "b.zarr.zip"
    write_descriptors(path, DescriptorData(VALUES, CELL, DEFINITION), {})
    back = read_descriptors(path)
    np.testing.assert_array_equal(back.values, VALUES)
    np.testing.assert_array_equal(back.cell, CELL)
    assert back.definition == DEFINITION
    with zarr.storage.ZipStore(path, mode="r") as store:
        dataset = xr.open_zarr(store, consolidated=False, chunks=None)
        assert dataset["descriptors"].dims == ("x", "y", "z", "component")
        assert dataset["descriptors"].attrs["units"] == "1"
        assert dataset["cell"].attrs["units"] == "Å"
    assert os.listdir(path.parent) == ["b.zarr.zip"]


def test_streamed_file_is_the_one_written_at_once(tmp_path, small_chunks):
    write_descriptors(tmp_path / "a", DescriptorData(VALUES, CELL, DEFINITION), {"seed": 1})
    for points in (1, 100, 1000):
        stream(tmp_path / "b", {"seed": 1}, points=points)
        assert checksum(tmp_path / "b") == checksum(tmp_path / "a")
    names = zipfile.ZipFile(tmp_path / "a").namelist()
    assert len(names) == len(set(names))


def test_interrupted_job_goes_on_where_it_stopped(tmp_path, small_chunks):
    with pytest.raises(KeyboardInterrupt):
        stream(tmp_path / "a", {"seed": 1}, stop_after=2)
    assert not (tmp_path / "a").exists()
    assert [box.begin[0] for box in stream(tmp_path / "a", {"seed": 1})] == [4]
    stream(tmp_path / "b", {"seed": 1})
    assert checksum(tmp_path / "a") == checksum(tmp_path / "b")


def test_what_another_job_left_behind_is_not_taken_up(tmp_path, small_chunks):
    with pytest.raises(KeyboardInterrupt):
        stream(tmp_path / "a", {"seed": 1}, stop_after=2)
    assert len(stream(tmp_path / "a", {"seed": 2})) == 3


def test_half_written_chunk_is_done_again_and_not_packed(tmp_path, small_chunks):
    with pytest.raises(KeyboardInterrupt):
        stream(tmp_path / "a", {}, stop_after=1)
    (folder,) = tmp_path.glob(".partial-*/store/descriptors/c/0/0/0")
    (folder / "0").rename(folder / "0.1234.partial")
    assert len(stream(tmp_path / "a", {})) == 3
    np.testing.assert_array_equal(read_descriptors(tmp_path / "a").values, VALUES)
    assert not any("partial" in name for name in zipfile.ZipFile(tmp_path / "a").namelist())


def test_a_plane_beyond_the_chunk_size_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(zarr_zip, "CHUNK_BYTES", 4 * 7 * 5 * 4)
    boxes = stream(tmp_path / "a", {}, points=1000)
    assert [box.shape for box in boxes[:2]] == [(1, 4, 7), (1, 2, 7)]
    np.testing.assert_array_equal(read_descriptors(tmp_path / "a").values, VALUES)


def test_store_of_something_else_is_refused(tmp_path):
    xr.Dataset({"descriptors": (("a", "b"), np.zeros((2, 2)))}).to_zarr(
        tmp_path / "folder", zarr_format=3, consolidated=False
    )
    zarr_zip.pack(tmp_path / "folder", tmp_path / "a.zarr.zip")
    with pytest.raises(DataError, match=r"holds no descriptors(.|\n)*element_weights"):
        read_descriptors(tmp_path / "a.zarr.zip")
