"""The whole chain on a compound: elements are told apart by their weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write
from tiny_workflow import edit_config, new_folder, snakemake

from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.dft.hgh import HghChannel, HghParameters, radial_potential
from surrogate_hpo.formats.upf.writer import upf_text

pytestmark = [pytest.mark.longest, pytest.mark.qe, pytest.mark.workflow]
ALUMINIUM = str(Path(__file__).parents[2] / "pseudopotentials" / "Al.hgh-lda.UPF")
# One valence electron, soft, like lithium's. Nothing here depends on how true it is to lithium:
# our energies are compared with those that Quantum ESPRESSO gets from the same file.
LITHIUM_LIKE = HghParameters(
    element="Li",
    z_valence=1,
    local_radius=0.787553,
    local_coefficients=(-1.892612, 0.286060),
    channels=(HghChannel(angular_momentum=0, radius=0.666375, strengths=(1.858811,)),),
)


@pytest.fixture(scope="module")
def compound(tmp_path_factory) -> Path:
    folder = new_folder(tmp_path_factory.mktemp("compound") / "run")
    text = upf_text(radial_potential(LITHIUM_LIKE), functional="lda_pw92", comment="a test")
    (folder / "Li.UPF").write_text(text)
    atoms = bulk("Al", a=4.05, cubic=True)
    atoms.symbols[:2] = "Li"
    write(folder / "cell.extxyz", atoms)
    settings = {
        "snapshots": {"cell": {"file": "cell.extxyz"}, "training": 2, "validation": 1, "test": 1},
        "search": {"trials": 2, "startup_trials": 1, "maximum_epochs": 2},
        "train": {"seeds": 1, "maximum_epochs": 4},
    }
    for section, changes in settings.items():
        edit_config(folder, section, **changes)
    edit_config(folder, "dft", pseudopotentials={"Al": ALUMINIUM, "Li": "Li.UPF"})
    return folder


def test_without_weights_check_asks_for_them(compound):
    done = subprocess.run(
        [sys.executable, "-m", "surrogate_hpo", "check", "config.yaml"],
        cwd=compound,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "equal weights would make them indistinguishable" in done.stderr
    assert "a weight for each of Al, Li" in done.stderr


def test_the_chain_runs_on_a_compound(compound):
    edit_config(compound, "acsd", element_weights={"Al": 1.0, "Li": 0.23})
    done = snakemake(compound)
    assert done.returncode == 0, done.stdout + done.stderr
    choice = json.loads((compound / "results/acsd/choice.json").read_text())
    assert choice["element_weights"] == {"Al": 1.0, "Li": 0.23}
    stored = read_descriptors(compound / "results/descriptors/test-0000.zarr.zip")
    assert stored.definition.element_weights == {"Al": 1.0, "Li": 0.23}
    summary = json.loads((compound / "results/evaluate/summary.json").read_text())
    # From the reference LDOS, all energy terms of both elements included.
    floor = summary["total_free_energy"]["discretisation_error_mev_per_atom"]
    assert floor < 5
    assert (compound / "results/report/report.html").is_file()
