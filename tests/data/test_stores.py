"""Damaged stores: a lost chunk, one wrong bit anywhere, and what earlier versions wrote."""

import shutil
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from surrogate_hpo.archive.comparison import number_differences
from surrogate_hpo.data.descriptor_store import DescriptorData, read_descriptors, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.data.predicted_fields import (
    DensityData,
    read_density,
    write_density,
    writing_ldos,
)
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError
from surrogate_hpo.files import zarr_zip
from surrogate_hpo.files.zarr_zip import read_provenance
from surrogate_hpo.stages.acsd.similarities import (
    SimilarityData,
    read_similarities,
    write_similarities,
)

RANDOM = np.random.default_rng(5)
SHAPE = (5, 3, 4)
CELL = np.diag([4.0, 4.1, 4.2])
LDOS = LdosData(
    RANDOM.random((*SHAPE, 6), dtype=np.float32),
    LdosAxis(np.arange(6.0), "gaussian", 0.5),
    CELL,
    12.0,
)


def predicted_ldos(path):
    with writing_ldos(path, SHAPE, LDOS, {}) as writer:
        writer.write(GridBox((0, 0, 0), SHAPE), LDOS.values.reshape(-1, 6))


def descriptors(path):
    values = RANDOM.random((*SHAPE, 5), dtype=np.float32)
    definition = DescriptorDefinition(cutoff_radius=4.0, twojmax=2)
    write_descriptors(path, DescriptorData(values, CELL, definition), {})


def density(path):
    # A deviation of zero everywhere is a number, too.
    write_density(path, DensityData(RANDOM.random(SHAPE), np.zeros(SHAPE), CELL), {})


def similarities(path):
    zeros = np.zeros(3, dtype=np.int64)
    values = RANDOM.random((3, 7), dtype=np.float32)
    data = SimilarityData(values, values[0], np.arange(3.0), zeros + 2, zeros, "training-0000")
    write_similarities(path, data, {})


STORES = {
    "ldos": (lambda path: write_ldos(path, LDOS, {}), read_ldos),
    "predicted_ldos": (predicted_ldos, read_ldos),
    "descriptors": (descriptors, read_descriptors),
    "density": (density, read_density),
    "similarities": (similarities, read_similarities),
}


@pytest.fixture(params=STORES)
def store(request, tmp_path, monkeypatch):
    """A store of several chunks, and its reader."""
    monkeypatch.setattr(zarr_zip, "CHUNK_BYTES", 600)
    write, read = STORES[request.param]
    path = tmp_path / "a.zarr.zip"
    write(path)
    return path, read


def entries(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def without(path: Path, name: str, *, sealed: bool = False) -> None:
    """Take an entry out of a store."""
    folder = path.with_suffix(".folder")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    (folder / name).unlink()
    if sealed:
        zarr_zip.pack(folder, path)
        return
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())


def test_any_missing_entry_is_an_error_that_names_store_and_chunk(store):
    path, read = store
    read(path)
    original = path.read_bytes()
    for name in [entry.filename for entry in entries(path)]:
        for sealed in (False, True):
            path.write_bytes(original)
            without(path, name, sealed=sealed)
            with pytest.raises(DataError) as error:
                read(path)
            assert str(path) in str(error.value), name
            if "/c/" in name:
                assert f"{name} is missing" in str(error.value)


def test_one_flipped_bit_anywhere_is_found_when_the_store_is_read(store):
    path, read = store
    original = path.read_bytes()
    random = np.random.default_rng(len(original))
    ends = range(len(original) - 60, len(original))
    for place in [*random.choice(len(original), 60, replace=False), *ends]:
        damaged = bytearray(original)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"store (is damaged|holds no)"):
            read(path)


def test_each_chunk_has_a_checksum_that_zarr_itself_verifies(store, tmp_path):
    """Also out of the zip file, and behind an entry whose own checksum was made to fit."""
    path, read = store
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    for name in [entry.filename for entry in entries(path) if "/c" in entry.filename]:
        chunk = tmp_path / "folder" / name
        original = chunk.read_bytes()
        chunk.write_bytes(bytes([original[0] ^ 4]) + original[1:])
        zarr_zip.pack(tmp_path / "folder", path)
        with pytest.raises(DataError, match=r"damaged(.|\n)*a\.zarr\.zip"):
            read(path)
        if name.startswith("descriptors"):
            array = zarr.open_array(tmp_path / "folder" / "descriptors", mode="r")
            with pytest.raises(ValueError, match="checksum"):
                array[:]
        chunk.write_bytes(original)


def test_a_foreign_or_doubled_entry_is_an_error(store):
    path, read = store
    first = entries(path)[0].filename
    for name in ("ldos/c/9/9/9/9", "density_stx/zarr.json", first):
        copy = path.with_name("b.zarr.zip")
        shutil.copy(path, copy)
        with (
            zipfile.ZipFile(copy, "a") as archive,
            pytest.warns() if name == first else nullcontext(),
        ):
            archive.comment = b""
            archive.writestr(name, b"x")
        with pytest.raises(DataError):
            read(copy)


def test_damage_shows_in_comparisons_and_provenance_too(store, tmp_path):
    path, _ = store
    copy = tmp_path / "copy.zarr.zip"
    shutil.copy(path, copy)
    data = next(entry for entry in entries(path) if "/c" in entry.filename)
    damaged = bytearray(path.read_bytes())
    damaged[data.header_offset + 80] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="damaged"):
        number_differences(copy, path)
    damaged = bytearray(copy.read_bytes())
    damaged[-30] ^= 1
    copy.write_bytes(damaged)
    with pytest.raises(DataError, match="damaged"):
        read_provenance(copy)


def old_store(path: Path, dataset: xr.Dataset) -> None:
    """As earlier versions wrote it: no checksums, chunks of zeros left out, no comment."""
    folder = path.with_suffix(".folder")
    dataset.to_zarr(folder, mode="w", zarr_format=3, consolidated=False)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, file.relative_to(folder).as_posix())


def test_stores_of_earlier_versions_are_read_and_their_lost_chunks_are_found(tmp_path):
    path = tmp_path / "old.zarr.zip"
    coordinates = {
        "cutoff_radius_angstrom": ("candidate", np.arange(3.0) + 1),
        "twojmax": ("candidate", np.full(3, 2)),
        "round": ("candidate", np.zeros(3, dtype=np.int64)),
    }
    values = xr.DataArray(np.ones((3, 4), np.float32), dims=("candidate", "pair"))
    dataset = xr.Dataset({"descriptor_similarity": values}, coords=coordinates)
    old_store(path, dataset.assign_attrs(snapshot="training-0000", provenance="{}"))
    assert not any(entry.filename.startswith("round/c") for entry in entries(path))
    np.testing.assert_array_equal(read_similarities(path).round_number, [0, 0, 0])
    without(path, "descriptor_similarity/c/0/0")
    with pytest.raises(DataError, match=r"descriptor_similarity/c/0/0 is missing"):
        read_similarities(path)
