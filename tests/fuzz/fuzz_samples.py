"""Small whole files of every form that is read, made without any DFT."""

import base64
import io
import json
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import optuna
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from finished_data import LDOS, displaced_cell, result_of, write_snapshot
from small_surrogate import written

from surrogate_hpo.archive.crate import CRATE, RunDescription, crate_text
from surrogate_hpo.archive.tarball import Member, _packed
from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.data.potentials import write_potential
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.files.journal import journal_storage
from surrogate_hpo.formats.cubes.writer import write_cube
from surrogate_hpo.formats.mala.openpmd import UNITS_SI
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.priors import Morse

REPOSITORY = Path(__file__).parents[2]
WAVES = (np.indices((3, 3, 3)).reshape(3, -1).T - 1).astype("<i4")
BANDS = 3


def espresso_xml() -> str:
    """What is read of `data-file-schema.xml`: two k points, three bands."""
    points = "".join(
        f'<ks_energies><k_point weight="1.0">0.0 0.0 {0.25 * k}</k_point>\n<npw>27</npw>\n'
        '<eigenvalues size="3">0.1 0.2\n 0.3</eigenvalues>\n'
        '<occupations size="3">1.0 0.5 0.0</occupations></ks_energies>\n'
        for k in range(2)
    )
    energies = ("etot", "eband", "ehart", "vtxc", "etxc", "ewald", "demet")
    terms = "".join(f"<{name}>-1.5e0</{name}>\n" for name in energies)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<espresso><general_info><creator NAME="PWSCF" VERSION="7.2">x</creator></general_info>
<output><convergence_info><scf_conv><convergence_achieved>false</convergence_achieved>
<n_scf_steps>7</n_scf_steps><scf_error>1e-9</scf_error></scf_conv></convergence_info>
<algorithmic_info><uspp>false</uspp><paw>false</paw></algorithmic_info>
<atomic_species><species name="Al"><pseudo_file>Al.UPF</pseudo_file></species></atomic_species>
<atomic_structure nat="2" alat="7.6">
<atomic_positions><atom name="Al" index="1">0.0 0.0 0.0</atom>
<atom name="Al" index="2">3.8 3.8 0.0</atom></atomic_positions>
<cell><a1>7.6 0.0 0.0</a1><a2>0.0 7.6 0.0</a2><a3>0.0 0.0 7.6</a3></cell></atomic_structure>
<symmetries><nsym>1</nsym></symmetries>
<basis_set><ecutwfc>4.0</ecutwfc><ecutrho>16.0</ecutrho><fft_grid nr1="16" nr2="16" nr3="16"/>
<fft_smooth nr1="16" nr2="16" nr3="16"/></basis_set>
<dft><functional>SLA PZ NOGX NOGC</functional></dft>
<total_energy>{terms}</total_energy>
<band_structure><lsda>false</lsda><noncolin>false</noncolin><spinorbit>false</spinorbit>
<nbnd>{BANDS}</nbnd><nelec>6.0</nelec><fermi_energy>0.25</fermi_energy>
<occupations_kind>smearing</occupations_kind><smearing degauss="0.02">fd</smearing>
<nks>2</nks>
{points}</band_structure>
<forces rank="2" dims="3 2">0 0 0 0 0 0</forces><stress>0 0 0 0 0 0 0 0 0</stress>
</output></espresso>
"""


def wavefunction_file(k: int) -> bytes:
    """As pw.x writes it, of normalised random bands."""
    head = np.dtype(
        [("k", "<i4"), ("xk", "<f8", 3), ("spin", "<i4"), ("gamma", "<i4"), ("scale", "<f8")]
    )
    point = (k + 1, (0.0, 0.0, 0.25 * k * 2 * np.pi / 7.6), 1, 0, 1.0)
    coefficients = np.random.default_rng(k).normal(size=(BANDS, 2, len(WAVES)))
    waves = coefficients[:, 0] + 1j * coefficients[:, 1]
    waves /= np.linalg.norm(waves, axis=1)[:, None]
    records = [
        np.array([point], head).tobytes(),
        np.array([len(WAVES), len(WAVES), 1, BANDS], "<i4").tobytes(),
        bytes(72),
        WAVES.tobytes(),
        *(row.astype("<c16").tobytes() for row in waves),
    ]
    return b"".join(
        len(r).to_bytes(4, "little") + r + len(r).to_bytes(4, "little") for r in records
    )


def _potential() -> Potential:
    descriptor = AtomDescriptor(4.0, 2, ("Al", "Cu"), (0.5, 1.0), (0.5, 0.4))
    numbers = np.linspace(-1, 1, 3 * descriptor.features).reshape(3, -1)
    prior = Morse(("Al", "Cu"), (0.3, 0.2), (1.3, 1.4), (2.8, 2.5), 4.0)
    return Potential(descriptor, numbers[0], prior, numbers[1:], {"structures": 3})


def _fitted_frame() -> bytes:
    atoms = bulk("Al", cubic=True)
    known = {"energy": -3.0, "forces": 0.1 * atoms.positions, "stress": np.arange(6) / 100}
    atoms.calc = SinglePointCalculator(atoms, **known)
    stream = io.StringIO()
    write(stream, atoms, format="extxyz")
    return stream.getvalue().encode()


def samples(folder: Path) -> dict[str, bytes]:
    """Content by name of the form."""
    tiny = (REPOSITORY / "config/tiny.yaml").read_bytes()
    potential = (REPOSITORY / "pseudopotentials/Al.hgh-lda.UPF").read_bytes()
    sidecar = write_snapshot(folder, shape=(4, 4, 4))
    array = sidecar.with_name("a.out.npy")
    result = result_of(sidecar)
    atoms = displaced_cell()
    found = {
        "config": tiny,
        "upf": potential,
        "xml": espresso_xml().encode(),
        "wavefunctions": wavefunction_file(0),
        "sidecar": sidecar.read_bytes(),
        "npy": array.read_bytes(),
    }
    for form, name in {"extxyz": "xyz", "vasp": "poscar", "cif": "cif", "traj": "traj"}.items():
        binary = form == "traj"
        stream = io.BytesIO() if form in {"cif", "traj"} else io.StringIO()
        write(stream, atoms, format=form)
        value = stream.getvalue()
        found[name] = value if isinstance(value, bytes) else value.encode()
        assert binary or found[name]
    write_cube(folder / "a.cube", np.ones((4, 4, 4)), atoms, "a test")
    found["cube"] = (folder / "a.cube").read_bytes()
    write_dft_result(folder / "dft.json", result, {"made": "here"})
    found["document"] = (folder / "dft.json").read_bytes()
    write_potential(folder / "potential.json", _potential(), {"made": "here"})
    found["potential"] = (folder / "potential.json").read_bytes()
    found["fitted"] = _fitted_frame()
    found["surrogate"] = written(folder).read_bytes()
    energy = LDOS.energy
    ldos = LdosData(
        np.ones((3, 3, 3, len(energy)), np.float32),
        LdosAxis(energy, "gaussian", 0.5),
        bulk("Al").cell[:],
        3.0,
    )
    write_ldos(folder / "ldos.zip", ldos, {"made": "here"})
    found["ldos"] = (folder / "ldos.zip").read_bytes()
    definition = DescriptorDefinition(4.0, 2, {"Al": 1.0}, {"Al": 0.5})
    values = np.ones((3, 3, 3, n_components(2)), np.float32)
    data = DescriptorData(values, bulk("Al").cell[:], definition)
    write_descriptors(folder / "descriptors.zip", data, {"made": "here"})
    found["descriptors"] = (folder / "descriptors.zip").read_bytes()
    found["journal"] = _journal(folder / "journal.log")
    if find_spec("h5py"):
        found["hdf5"] = _openpmd(folder / "a.out.h5")
    found["table"] = b"name,loss\na,1.0\nb,2.0\n"
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        for name, content in archive_files().items():
            archive.writestr(name, content)
    found["archive"] = stream.getvalue()
    found["manifest"] = b"".join(b"%064d  run/a%d\n" % (n, n) for n in range(20))
    members = [Member.of(f"run/{'a' * 50 * n}{n}", bytes(700 * n)) for n in range(5)]
    found["tar"] = b"".join(_packed(members, 1_700_000_000)) + bytes(1024)
    found["evaluation"] = json.dumps({"key": "a", "record": {"loss": 1.0}}).encode()
    outcome = {"error": float("inf"), "seconds": 1.0, "status": "ok"}
    made = {"code": "c", "settings": {"points": 1}, "seed": 1, "inputs": {"a/b": "0"}}
    chunk = {"facts": {}, "results": {"a/0": outcome}, "provenance": made}
    found["chunk"] = json.dumps(chunk).encode()
    return found


def _openpmd(path: Path) -> bytes:
    h5py = import_module("h5py")
    with h5py.File(path, "w") as file:
        mesh = file.create_group("data/0/meshes/LDOS")
        mesh.attrs["gridSpacing"], mesh.attrs["gridUnitSI"] = [1.0, 1.0, 1.0], 1e-10
        for number in range(3):
            mesh[str(number)] = np.ones((4, 4, 4), np.float32)
            mesh[str(number)].attrs["unitSI"] = UNITS_SI["LDOS"]
    return path.read_bytes()


def archive_files() -> dict[str, bytes]:
    """Of an archive without a run, but for a record of Snakemake."""
    contents = {"format": 1, "left_out": [{"path": "b"}], "packages": {"numpy": "1"}, "jobs": 1}
    record = {
        "rule": "train", "input": ["a"], "log": [], "params": ["{'seed': 7}"],
        "shellcmd": "x", "starttime": 1.0, "endtime": 2.0, "input_checksums": {"a": "sha256:1"},
    }  # fmt: skip
    name = base64.urlsafe_b64encode(b"results/train/0").decode()
    files = {
        "archive.json": json.dumps(contents).encode(),
        "run/config/config.yaml": (REPOSITORY / "config/tiny.yaml").read_bytes(),
        f"run/.snakemake/metadata/{name}": json.dumps(record).encode(),
    }
    run = RunDescription("Nothing", 1.0, "run", [], {}, {})
    members = [Member.of(name, content) for name, content in files.items()]
    return files | {CRATE: crate_text(run, members).encode()}


def _journal(path: Path) -> bytes:
    study = optuna.create_study(storage=journal_storage(path), study_name="search")
    for _ in range(3):
        trial = study.ask()
        trial.suggest_float("rate", 1e-4, 1e-2, log=True)
        trial.suggest_categorical("batch", [500, 1000])
        trial.set_user_attr("seconds", 1.5)
        study.tell(trial, 1.0)
    return path.read_bytes()
