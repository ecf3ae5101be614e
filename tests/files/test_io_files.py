import json
import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.ldos_store import LdosData, read_ldos, write_ldos
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing, write_text
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.tables import read_table, write_table
from surrogate_hpo.files.zarr_zip import read_provenance
from surrogate_hpo.run.provenance import checksum
from surrogate_hpo.seeds import derive_seed


@pytest.fixture
def ldos() -> LdosData:
    generator = np.random.default_rng(0)
    return LdosData(
        values=generator.random((4, 5, 6, 7), dtype=np.float32),
        axis=LdosAxis(np.linspace(-1, 2, 7), "gaussian", 0.5),
        cell=np.array([[4.0, 0, 0], [1, 4, 0], [0, 1, 5]]),
        electrons=12.0,
    )


def test_ldos_store_round_trip_is_exact_and_deterministic(tmp_path, ldos):
    path = tmp_path / "new folder" / "a.zarr.zip"
    write_ldos(path, ldos, {"code": "abc"})
    back = read_ldos(path)
    np.testing.assert_array_equal(back.values, ldos.values)
    np.testing.assert_array_equal(back.energy, ldos.energy)
    np.testing.assert_array_equal(back.cell, ldos.cell)
    assert (back.kernel, back.width, back.electrons) == ("gaussian", 0.5, 12.0)
    assert read_provenance(path) == {"code": "abc"}
    first = checksum(path)
    write_ldos(path, ldos, {"code": "abc"})
    assert checksum(path) == first
    assert os.listdir(path.parent) == ["a.zarr.zip"]
    names = zipfile.ZipFile(path).namelist()
    assert len(names) == len(set(names))


def test_damaged_missing_and_foreign_stores(tmp_path, ldos):
    path = tmp_path / "a.zarr.zip"
    with pytest.raises(DataError, match=r"missing(.|\n)*a\.zarr\.zip"):
        read_ldos(path)
    path.write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="damaged"):
        read_ldos(path)
    write_ldos(path, ldos, {})
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DataError, match="damaged"):
        read_ldos(path)
    write_ldos(path, ldos, {})
    with pytest.raises(DataError, match="holds no descriptors"):
        read_descriptors(path)


def test_a_flipped_byte_in_a_chunk_is_noticed(tmp_path, ldos):
    path = tmp_path / "a.zarr.zip"
    write_ldos(path, ldos, {})
    with zipfile.ZipFile(path) as archive:
        entry = next(i for i in archive.infolist() if i.filename.startswith("ldos/c/"))
    content = bytearray(path.read_bytes())
    content[entry.header_offset + entry.file_size // 2 + 60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_ldos(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail_half_way() -> None:
        with replacing(path) as partial:
            partial.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_killed_writer_leaves_no_half_file(tmp_path):
    code = (
        "import os, sys, pathlib\n"
        "from surrogate_hpo.files.atomic import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    path = tmp_path / "a.txt"
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    write_text(path, "whole")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_documents(tmp_path):
    path = tmp_path / "a.json"
    write_document(path, {"x": 0.1 + 0.2, "bad": float("nan"), "list": (1, np.float64(2.5))})
    assert json.loads(path.read_text()) == {"x": 0.1 + 0.2, "bad": None, "list": [1, 2.5]}
    with pytest.raises(DataError, match=r"lacks(.|\n)*missing y"):
        read_document(path, keys=("x", "y"))
    path.write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        read_document(path)
    with pytest.raises(DataError, match="missing"):
        read_document(tmp_path / "none.json")


def test_tables_keep_all_digits(tmp_path):
    path = tmp_path / "a.csv"
    write_table(path, [{"energy_ev": 1 / 3, "note": None}, {"energy_ev": 1e-300, "note": "a,b"}])
    assert path.read_text().splitlines()[1] == "0.3333333333333333,"
    rows = read_table(path, columns=["energy_ev"])
    assert [float(r["energy_ev"]) for r in rows] == [1 / 3, 1e-300]
    assert rows[1]["note"] == "a,b"
    with pytest.raises(DataError, match=r"lacks columns(.|\n)*energy_ha"):
        read_table(path, columns=["energy_ha"])
    write_table(path, [{"value": float("nan")}])
    assert read_table(path) == [{"value": ""}]
    with pytest.raises(ValueError, match="no rows"):
        write_table(path, [])


@given(st.integers(0, 2**31), st.text(), st.integers(0, 1000))
def test_seeds_differ_by_every_label_and_are_reproducible(root, label, index):
    seed = derive_seed(root, label, index)
    assert seed == derive_seed(root, label, index)
    assert 0 <= seed < 2**63
    others = {
        derive_seed(root + 1, label, index),
        derive_seed(root, label, index + 1),
        derive_seed(root, label + "x", index),
    }
    assert seed not in others
