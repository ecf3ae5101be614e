"""Small files that stand for very much memory or time: refused with file and reason, at once."""

import io
import json
import resource
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz_readers import READERS
from fuzz_samples import espresso_xml, samples

from surrogate_hpo.data.models import read_state
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.bounded_reading import bounded_reading
from surrogate_hpo.formats.mala.arrays import open_array
from surrogate_hpo.formats.mala.sidecar import read_sidecar
from surrogate_hpo.formats.structures.structures import read_structures

BILLION = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPE = f'<!DOCTYPE espresso [<!ENTITY a0 "aaaaaaaaaa">{BILLION}]>'
EXTERNAL = '<!DOCTYPE espresso [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    return samples(tmp_path_factory.mktemp("samples"))


def refused(name: str, content: bytes, folder: Path) -> str:
    """What the reader says, which must not take much memory for it."""
    tracemalloc.start()
    with pytest.raises(DataError) as error:
        READERS[name][1](content, folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 256 << 20
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (HEAD, HEAD + DOCTYPE, "a document type declaration"),
        (HEAD, HEAD + EXTERNAL, "a document type declaration"),
        ("<dft>", "<a>" * 200, "more than 100 levels"),
        ('nr1="16"', 'nr1="1000000"', "the FFT grid is not that of the cell"),
        ('nr1="16"', 'nr1="-16"', "the FFT grid is not that of the cell"),
        ('nr1="16"', f'nr1="{"9" * 300}"', "the FFT grid is not that of the cell"),
        ("<nbnd>3", "<nbnd>1e300", "damaged numbers"),
        ("<nbnd>3", "<nbnd>0", "damaged numbers"),
        ('alat="7.6"', 'alat="0"', "the lattice constant makes no sense"),
        ("<a1>7.6 0.0 0.0", "<a1>0.0 7.6 0.0", "the volume of the cell makes no sense"),
        ("<a1>7.6", "<a1>7.6" + " 0.0" * 100_000, "damaged numbers"),
        ('degauss="0.02"', 'degauss="0"', "the width of the smearing makes no sense"),
        ("<nelec>6.0", "<nelec>-6.0", "the number of electrons makes no sense"),
    ],
)
def test_xml_of_a_calculation(tmp_path, old, new, said):
    text = espresso_xml()
    assert old in text
    path = tmp_path / "data-file-schema.xml"
    from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml

    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=said):
        read_espresso_xml(path)


def test_potentials(tmp_path, whole):
    text = whole["upf"].decode()
    upf, mesh = text.index("<UPF"), text.index("<PP_R")
    for damaged, said in {
        DOCTYPE + text[upf:]: "a document type declaration",
        text.replace("<PP_HEADER", "<PP_INFO>" * 200_000 + "<PP_HEADER", 1): "not a complete UPF",
        text[:mesh] + text[mesh:].replace('size="', 'size="9', 1): "a radial array",
        text[:mesh] + text[mesh:].replace('size="', 'size="x', 1): "a radial array",
        text.replace('z_valence="', 'z_valence="inf" x="', 1): "not a finite number",
    }.items():
        assert said in refused("upf", damaged.encode(), tmp_path)


@pytest.mark.parametrize(
    ("line", "new"),
    [(2, b"1000000000 0 0 0"), (2, b"-4 0 0 0"), (3, b"1000000000 1 0 0"), (3, b"-4 1 0 0"),
     (3, b"0 1 0 0"), (3, b"4 nan 0 0"), (3, b"9" * 5000 + b" 1 0 0"), (0, b"x" * 100_000)],
)  # fmt: skip
def test_cubes(tmp_path, whole, line, new):
    lines = whole["cube"].split(b"\n")
    lines[line] = new
    assert "cube file" in refused("cube", b"\n".join(lines), tmp_path)


@pytest.mark.parametrize("place", [60, 64, 68])
@pytest.mark.parametrize("value", [-1, 0, 2**31 - 1, -(2**31)])
def test_counts_of_wavefunctions(tmp_path, whole, place, value):
    content = bytearray(whole["wavefunctions"])
    content[place : place + 4] = value.to_bytes(4, "little", signed=True)
    said = refused("wavefunctions", bytes(content), tmp_path)
    assert "wavefunction" in said


@pytest.mark.parametrize(
    "header",
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9, 9, 9), }",
     "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 2, 2), }",
     "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2, 2, 2), }",
     "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
     "{'descr': [('a', '<f4')] * 9, 'fortran_order': False, 'shape': (1,), }",
     "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 3000,
     "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }",
     "__import__('os').system('true')", "1 + 1j", "'" , "[" * 900 + "]" * 900],
)  # fmt: skip
def test_headers_of_arrays(tmp_path, header):
    text = header.encode() + b"\n"
    path = tmp_path / "a.out.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64))
    with pytest.raises(DataError, match=r"the array .*\n  where: .*a\.out\.npy"):
        open_array(path, "LDOS")


def test_hdf5_that_stands_for_much_more_than_it_holds(tmp_path):
    h5py = pytest.importorskip("h5py")
    for name, options in {"sparse": {}, "zeros": {"compression": "gzip", "data": 0}}.items():
        with h5py.File(tmp_path / f"{name}.out.h5", "w") as file:
            mesh = file.create_group("data/0/meshes/LDOS")
            chunks = {"chunks": (64, 64, 64), "compression": options.get("compression")}
            array = mesh.create_dataset("0", (512, 512, 512), "f4", **chunks)
            array.attrs["unitSI"] = 1.0
            if options:
                array[:64, :64, :64] = 0.0
        with pytest.raises(DataError, match=r"nothing is stored|bytes of numbers in a file of"):
            open_array(tmp_path / f"{name}.out.h5", "LDOS")


@pytest.mark.parametrize(
    ("text", "said"),
    [("[" * 100_000, "nested too deeply"), ('{"a": ' * 100_000, "nested too deeply"),
     ("[" + "[]," * 2_100_000 + "[]]", "more parts than any"), ("1" * 5000, "digits"),
     ("[" + "1," * 10_100_000 + "1]", "more parts than any"), ("[]", "not a JSON object")],
)  # fmt: skip
def test_json_of_a_sidecar(tmp_path, text, said):
    path = tmp_path / "a.info.json"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_sidecar(path)


class _Bomb:
    def __reduce__(self):
        return bytearray, (2 << 30,)


def test_torch_files_that_stand_for_much_more_than_they_hold(tmp_path, whole):
    path = tmp_path / "a.pt"
    cases = {
        "in 4 bytes": {"a": torch.zeros(1).expand(10**6, 10**6)},
        "were not loaded": {"a": torch.eye(3).to_sparse()},
        "objects": {"a": _Bomb()},
    }
    for said, state in cases.items():
        torch.save(state, path)
        with pytest.raises(DataError, match=said):
            read_state(path)
    with zipfile.ZipFile(io.BytesIO(whole["surrogate"])) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(DataError, match="is compressed"):
        read_state(path)


def test_a_network_is_not_made_larger_than_its_weights(tmp_path, whole):
    path = tmp_path / "a.pt"
    path.write_bytes(whole["surrogate"])
    state = read_state(path)
    state["models"][0]["architecture"]["hidden_widths"] = [10**9, 10**9]
    torch.save(state, path)
    assert "weights for a network of" in refused("surrogate", path.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", ["ldos", "descriptors"])
def test_stores(tmp_path, whole, name):
    def edited(*, lost: bool = False, **changes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(whole[name])) as archive:
            entries = {entry: archive.read(entry) for entry in archive.namelist()}
        array = f"{name}/zarr.json"
        document = json.loads(entries[array]) | changes
        entries[array] = json.dumps(document).encode()
        with zipfile.ZipFile(target := io.BytesIO(), "w") as archive:
            for entry, data in entries.items():
                if entry.startswith(f"{name}/c/0") and lost:
                    continue
                archive.writestr(entry, data)
        return target.getvalue()

    size = [10**6, 10**6, 10**6, 10**6]
    grid = {"name": "regular", "configuration": {"chunk_shape": size}}
    assert f"{name}/c/0/0/0/0 is missing" in refused(name, edited(lost=True), tmp_path)
    assert "chunks, but the store has" in refused(name, edited(shape=size), tmp_path)
    said = refused(name, edited(shape=size, chunk_grid=grid), tmp_path)
    assert "bytes in a file of" in said
    assert "the shape" in refused(name, edited(shape=[-1, 3, 3, 3]), tmp_path)
    assert "the shape" in refused(name, edited(shape="all"), tmp_path)


XYZ = 'Lattice="{a} 0 0 0 {b} 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nAl 0 0 0\n'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.xyz", "99999999999\n" + XYZ.format(a=4, b=4), "more atoms than its file has bytes"),
        ("a.xyz", 2 * ("1\n" + XYZ.format(a=4, b=4)) + "99999999999\n", "more atoms than its"),
        ("a.xyz", "1\n" + XYZ.format(a=4, b=4).replace("R:3", "R:99999999999999"), "more columns"),
        ("a.xyz", "1\n" + XYZ.format(a=4, b=4).replace("R:3", "R:3:x:I:9999_9999"), "more columns"),
        ("a.xyz", "1\n" + XYZ.format(a=1e-9, b=4), "a cell that is too flat"),
        ("a.xyz", "1\n" + XYZ.format(a=1e9, b=4), "lengths without sense"),
        ("a.xyz", "1\n" + XYZ.format(a=4, b=4).replace("0 0 0\n", "1e300 0 0\n"), "lengths"),
        ("POSCAR", "Al\n1.0\n4 0 0\n0 4 0\n0 0 4\nAl\n9999999999\nDirect\n0 0 0\n", "be read"),
        ("POSCAR", "Al\n1.0\n4 0 0\n0 4 0\n0 0 4\nAl\n300000000\nDirect\n0 0 0\n", "be read"),
    ],
)
def test_structures(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_structures(str(tmp_path / name))


def test_an_index_of_thousands_of_digits_is_none(tmp_path):
    (tmp_path / "a.xyz").write_text("1\n" + XYZ.format(a=4, b=4))
    with pytest.raises(DataError, match="the index of the structures is none"):
        read_structures(f"{tmp_path / 'a.xyz'}@{'9' * 5000}")


def test_a_library_gets_so_much_memory_and_no_more(tmp_path):
    (tmp_path / "small").write_text("small")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(MemoryError), bounded_reading(tmp_path / "small"):
        np.ones(1 << 30)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
