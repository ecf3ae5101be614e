"""Every reader of a user's file, as a function of a file's content and a folder to put it into."""

import io
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from finished_data import DFT, LDOS
from fuzz_mutations import (
    Mutation,
    mutate_bytes,
    mutate_json,
    mutate_json_lines,
    mutate_text,
    mutate_zip,
)
from fuzz_samples import espresso_xml, wavefunction_file

from surrogate_hpo.archive.frames import FrameWriter
from surrogate_hpo.archive.manifest import MANIFEST, manifest_text, read_manifest
from surrogate_hpo.archive.tarball import Member, write_tarball
from surrogate_hpo.archive.unpack import unpack
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.journal import journal_storage
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.formats.cubes.files import read_cube
from surrogate_hpo.formats.espresso.size import espresso_size
from surrogate_hpo.formats.espresso.wavefunctions import orbital_densities
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.mala.arrays import open_array
from surrogate_hpo.formats.structures.fitted_frames import read_fitted_frames
from surrogate_hpo.formats.structures.structures import read_structures
from surrogate_hpo.formats.upf.reader import read_upf, read_upf_origin
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.training.trained_error import Outcome
from surrogate_hpo.verbs.verify.verb import verify

Reader = Callable[[bytes, Path], object]


def _of_file(name: str, read: Callable[[Path], object]) -> Reader:
    def reader(content: bytes, folder: Path) -> None:
        path = folder / name
        path.write_bytes(content)
        read(path)

    return reader


def _xml(path: Path) -> None:
    first: Exception | None = None
    for read in (espresso_size, read_espresso_xml):
        try:
            read(path)
        except Exception as error:  # noqa: BLE001 - one of them may accept what the other does not read
            first = first or error
    if first is not None:
        raise first


def _wavefunctions(content: bytes, folder: Path) -> None:
    xml = folder / "data-file-schema.xml"
    if not xml.exists():
        xml.write_text(espresso_xml())
        (folder / "wfc2.dat").write_bytes(wavefunction_file(1))
    (folder / "wfc1.dat").write_bytes(content)
    for _ in orbital_densities(folder, read_espresso_xml(xml)):
        pass


def _sidecar(path: Path) -> None:
    array = path.with_name("a.out.npy")
    if not array.exists():
        array.write_bytes((path.parent.parent / "a.out.npy").read_bytes())
    calculation = open_finished(path)
    calculation.structure()
    calculation.check(LDOS, calculation.result(DFT))


def _journal(path: Path) -> None:
    storage = journal_storage(path)
    for study in storage.get_all_studies():
        storage.get_all_trials(study._study_id)


def _evaluation(content: bytes, folder: Path) -> None:
    store = folder / "store"
    store.mkdir(exist_ok=True)
    (store / "ca978112ca1bbdcafac231b39a23dc4d.json").write_bytes(content)  # the name of key `a`
    dict(EvaluationStore(store))


def _chunk(path: Path) -> None:
    gathered = read_chunks([path])
    memo = Memo(Outcome, gathered.results)
    for key in gathered.results:
        memo.recall(key)


def _archive(content: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    members = [Member.of(name, data) for name, data in files.items()]
    listed = manifest_text({member.name: member.sha256 for member in members})
    members.append(Member.of(MANIFEST, listed.encode()))
    write_tarball(folder / "a.tar.zst", members, time=1)
    verify(folder / "a.tar.zst")


def _tar(content: bytes, folder: Path) -> None:
    path, target = folder / "a.tar.zst", folder / "unpacked"
    with path.open("wb") as stream:
        FrameWriter(stream).write(iter([content]))
    target.mkdir()
    unpack(path, target, largest_bytes=1 << 26)


def _zip_of_archive(content: bytes, random: object) -> bytes:
    while True:
        mutated = mutate_zip(content, random)  # type: ignore[arg-type]
        try:
            with zipfile.ZipFile(io.BytesIO(mutated)) as archive:
                if archive.testzip() is None and archive.namelist():
                    return mutated
        except Exception:  # noqa: BLE001, S112 - the zip only carries the files of the archive
            continue


READERS: dict[str, tuple[Mutation, Reader]] = {
    "config": (mutate_text, _of_file("c.yaml", lambda path: load_config([path]))),
    "upf": (mutate_text, _of_file("Al.UPF", lambda path: (read_upf(path), read_upf_origin(path)))),
    "xml": (mutate_text, _of_file("data-file-schema.xml", _xml)),
    "wavefunctions": (mutate_bytes, _wavefunctions),
    "cube": (mutate_text, _of_file("a.cube", read_cube)),
    "sidecar": (mutate_json, _of_file("a.info.json", _sidecar)),
    "npy": (mutate_bytes, _of_file("a.out.npy", lambda path: open_array(path, "LDOS").read())),
    **{
        name: (mutate, _of_file(f"a.{name}", lambda path: read_structures(f"{path}@0")))
        for name, mutate in {
            "xyz": mutate_text, "poscar": mutate_text, "cif": mutate_text, "traj": mutate_bytes,
        }.items()
    },
    "fitted": (mutate_text, _of_file("f.extxyz", lambda path: read_fitted_frames([f"{path}"]))),
    "document": (mutate_json, _of_file("dft.json", read_dft_result)),
    "potential": (mutate_json, _of_file("potential.json", read_potential)),
    "table": (mutate_text, _of_file("a.csv", lambda path: read_table(path, columns=["name"]))),
    "surrogate": (mutate_zip, _of_file("surrogate.pt", read_surrogate)),
    "ldos": (mutate_zip, _of_file("ldos.zarr.zip", read_ldos)),
    "descriptors": (mutate_zip, _of_file("d.zarr.zip", read_descriptors)),
    "journal": (mutate_json_lines, _of_file("journal.log", _journal)),
    "evaluation": (mutate_json, _evaluation),
    "chunk": (mutate_json, _of_file("0.json", _chunk)),
    "manifest": (mutate_text, lambda c, _: read_manifest(c.decode("utf-8", "replace"))),
    "tar": (mutate_bytes, _tar),
    "archive": (_zip_of_archive, _archive),
}  # fmt: skip
if find_spec("h5py"):
    read_hdf5 = _of_file("a.out.h5", lambda path: open_array(path, "LDOS").read())
    READERS["hdf5"] = (mutate_bytes, read_hdf5)
