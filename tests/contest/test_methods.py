"""The methods section: the run's own numbers, and exactly the references that it used."""

import itertools
import re

import numpy as np
import pytest
from fictional_run import methods_arguments
from tiny_workflow import REPOSITORY

from surrogate_hpo.dft.ldos_axis import KERNEL_NAMES
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.upf.reader import FUNCTIONALS, read_upf_origin
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import SnapshotEnergies, snapshot_errors_table
from surrogate_hpo.report.methods import write_methods
from surrogate_hpo.report.references import BIBLIOGRAPHY, read_bibliography
from surrogate_hpo.stages.acsd.settings import AcsdSettings
from surrogate_hpo.stages.compare.method_costs import METHOD_COLUMNS, method_costs_table


def changed(section, **settings):
    """Arguments with other settings of one stage."""
    arguments = methods_arguments()
    stages = arguments["settings"]
    arguments["settings"] = stages | {section: stages[section] | settings}
    return arguments


def with_recipe(**recipe):
    arguments = methods_arguments()
    search = arguments["search"]
    both = search["hyperparameters"] | recipe
    return arguments | {"search": search | {"hyperparameters": both}}


def with_dft(**dft):
    arguments = methods_arguments()
    return arguments | {"dft": arguments["dft"] | dft}


def without_ldos():
    arguments = methods_arguments()
    return arguments | {"acsd": arguments["acsd"] | {"objective": "kernel-spread"}}


def choices(section, key):
    return AcsdSettings.model_fields[key].annotation.__args__ if section == "acsd" else ()


VARIANTS = {
    **{f"snapshots {m}": changed("snapshots", method=m) for m in ("molecular_dynamics", "files")},
    **{f"functional {f}": with_dft(functional=f) for f in FUNCTIONALS},
    **{f"kernel {k}": changed("ldos", kernel=k) for k in KERNEL_NAMES},
    "cubes": changed("ldos", source="cubes", kernel="fermi_dirac"),
    **{f"ACSD {d}": changed("acsd", definition=d) for d in choices("acsd", "definition")},
    "kernel spread": without_ldos(),
    **{f"engine {e}": changed("descriptors", engine=e) for e in ("native", "torch", "lammps")},
    **{
        f"score {s}": changed("naswot", score=s)
        for s in (
            *("naswot", "naswot_original", "activation_patterns", "zico", "parameters"),
            *("readout", "short_training"),
        )
    },
    **{f"optimiser {o}": with_recipe(optimiser=o) for o in ("soap", "adamw", "adam")},
    **{f"schedule {s}": with_recipe(schedule=s) for s in ("cosine", "constant", "plateau")},
    **{f"inputs {s}": with_recipe(input_scaling=s) for s in ("none", "standardised", "whitened")},
    **{
        f"outputs {s}": with_recipe(output_scaling=s)
        for s in ("none", "maximum", "standardised", "feature_maximum")
    },
    "DOS in the loss": with_recipe(dos_weight=0.1),
    "all points": changed("search", points=None, initialisations=1),
    "shift along one axis": changed("dft", kpoints_shift=[0, 0, 1]),
    "no shift": changed("dft", kpoints_shift=[0, 0, 0]),
    "one seed": methods_arguments(seeds=1),
    "nothing known of the DFT": {
        **changed("snapshots", method="finished"),
        "dft": {"run": False, "version": None, "functional": None, "pseudopotentials": {}},
    },
}


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_run_can_be_described_and_the_bibliography_is_exactly_what_is_cited(arguments):
    methods = write_methods(**arguments)
    text = methods.markdown()
    cited = set(re.findall(r"@(\w+)", text))
    assert cited <= set(BIBLIOGRAPHY)
    assert re.findall(r"^@\w+\{(\w+),", methods.bibtex(), re.MULTILINE) == list(methods.cited)
    assert set(methods.cited) == cited
    assert not re.search(r"None|nan|[{}]|  ", text)
    assert all(words.endswith(".") for words in methods.paragraphs.values())


def test_the_threshold_of_self_consistency_is_told():
    assert "converged to 1×10⁻⁹ Ry" in write_methods(**methods_arguments()).markdown()
    text = write_methods(**changed("dft", convergence_rydberg=None)).markdown()
    assert "converged to 2.5×10⁻¹⁰ Ry per atom" in text


def test_the_bibliography_holds_nothing_that_no_run_cites():
    cited = itertools.chain(*(write_methods(**a).cited for a in VARIANTS.values()))
    assert set(cited) == set(BIBLIOGRAPHY)


def test_the_text_has_the_numbers_of_the_run():
    text = write_methods(**methods_arguments()).markdown()
    for words in (
        "a Debye-Waller factor of 0.86 Å² at 300 K, scaled linearly to 298 K. 40 of them",
        "temperature of 5000 K of the electrons",
        "plane waves up to 16 Ry and the density up to 64 Ry",
        "4×4×4 Monkhorst-Pack mesh [@monkhorst1976], shifted by half a step along each axis",
        "Hartwigsen, Goedecker and Hutter [@hartwigsen1998] (`Al.hgh-lda.UPF`)",
        "20×20×20 real-space grid at energies from −6 to 13 eV in steps of 0.25 eV",
        "within 6.5 Å up to 2J_max = 6, 30 components",
        "hidden layers of 192, 192 units, tanh activation, 69581 parameters",
        "smallest score preferred; 5 initialisations each",
        "averaged over 2 trainings of 3 epochs on 120000 training points",
        "3.36 ± 0.09 meV/atom (mean ± standard deviation over 3 initialisations)",
    ):
        assert words in text


def test_what_an_author_must_add_is_listed_and_invisible_when_typeset():
    arguments = with_dft(pseudopotentials={"Al.foreign.UPF": "made by somebody"})
    methods = write_methods(**arguments)
    assert methods.open_points == ["Cite the source of the pseudopotential Al.foreign.UPF."]
    assert "hartwigsen1998" not in methods.cited
    visible = re.sub(r"<!--.*?-->", "", methods.markdown(), flags=re.DOTALL)
    assert "Cite the source" in methods.markdown()
    assert "Cite the source" not in visible
    assert write_methods(**methods_arguments()).open_points == []


def test_finished_calculations_claim_no_cutoff_and_no_run():
    text = write_methods(**VARIANTS["nothing known of the DFT"]).markdown()
    assert "taken from finished calculations" in text
    assert "plane waves" not in text
    assert "run through" not in text
    assert "Say how the finished DFT calculations were done: program, cutoffs" in text
    assert "Quantum ESPRESSO [" not in text  # nothing says which program it was


def test_the_error_stands_beside_baseline_and_control():
    text = write_methods(**methods_arguments()).markdown()
    assert "So the ratio of errors is" in text
    assert "the training mean as the prediction" in text
    assert "alone, gives 0.41 meV/atom" in text
    plain = QuantityError("total_free_energy", 1.0, 0.1, 0.2, 9.0)
    text = write_methods(**methods_arguments(error=plain)).markdown()
    assert "ratio of errors" not in text
    assert "linear in the SNAP" not in text


def test_an_unknown_error_is_said_to_be_unknown():
    nan = float("nan")
    error = QuantityError("total_free_energy", nan, nan, nan, nan)
    text = write_methods(**methods_arguments(error=error)).markdown()
    assert "not known: the data hold no reference" in text
    assert "meV/atom" not in text


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_an_entry_is_plain_and_balanced_bibtex(key):
    reference = BIBLIOGRAPHY[key]
    entry = reference.bibtex(key)
    entry.encode("ascii")
    assert entry.count("{") == entry.count("}")
    assert re.match(rf"@(article|inproceedings|misc)\{{{key},\n", entry)
    assert key.endswith(str(reference.year))
    fields = set(re.findall(r"^  (\w+) +=", entry, re.MULTILINE))
    assert {"author", "title", "year"} <= fields
    assert reference.kind != "article" or {"journal", "volume", "pages", "doi"} <= fields
    assert reference.doi or reference.arxiv or key == "bergstra2011"
    assert str(reference.year) in reference.text


GOOD = "@misc{a2024,\n  author = {A, B and others},\n  title = {{T {x}}},\n  year = {2024},\n}\n"


def test_a_bibliography_is_read_as_it_is_written():
    (reference,) = read_bibliography(f"% a comment\n\n{GOOD}").values()
    assert (reference.authors, reference.title, reference.year) == (
        ("A, B", "others"),
        "T {x}",
        2024,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@misc{a, title = {T}}\n", r"one `  field = \{value\},` a line.*got: @misc\{a, title"),
        (f"{GOOD}\nmore\n", "got: more"),
        (GOOD + GOOD, "each key once.*got: a2024"),
        (GOOD.replace("misc", "book"), "article, inproceedings, misc.*got: a2024: book"),
        (GOOD.replace("author", "editor"), "got: a2024: misc with editor, title, year"),
        (GOOD.replace("  title", "  note = {x},\n  title"), "got: a2024: misc with author, note"),
        (GOOD.replace("  title", "  key = {x},\n  titel"), "got: a2024: misc with author, key"),
        (GOOD.replace("{2024}", "{soon}"), "a year.*got: a2024"),
    ],
)
def test_a_bibliography_of_something_else_is_refused(text, message):
    with pytest.raises(DataError, match=f"(?s)the bibliography cannot be read.*{message}"):
        read_bibliography(text)


def test_letters_beyond_ascii_are_written_as_latex():
    assert r"M{\"o}lder" in BIBLIOGRAPHY["molder2021"].bibtex("molder2021")
    assert r"N{\o}rskov" in BIBLIOGRAPHY["jacobsen1996"].bibtex("jacobsen1996")
    assert r"Bal{\'a}zs" in BIBLIOGRAPHY["bergstra2011"].bibtex("bergstra2011")
    assert "316--330" in BIBLIOGRAPHY["thompson2015"].bibtex("thompson2015")


def test_the_origin_of_the_shipped_potential_is_recognised():
    potential = REPOSITORY / "pseudopotentials" / "Al.hgh-lda.UPF"
    assert "Hartwigsen" in read_upf_origin(potential)


# --- tables for a paper -----------------------------------------------------------------------


def test_errors_of_each_snapshot_are_signed_and_in_mev():
    energies = SnapshotEnergies(
        snapshot=("a", "b"),
        dft=np.array([1.0, 2.0]),
        surrogate=np.array([[1.001, 1.998], [1.003, 1.998]]),
        floor=np.array([1.0005, 2.0]),
        baseline=np.array([1.5, 1.5]),
    )
    table = snapshot_errors_table({"band energy": energies})
    assert table.words("snapshot") == ["a", "b"]
    assert table.numbers("error_mev_per_atom") == pytest.approx([2.0, -2.0])
    assert table.numbers("std_over_seeds_mev_per_atom") == pytest.approx([np.sqrt(2), 0.0])
    assert table.numbers("floor_error_mev_per_atom") == pytest.approx([0.5, 0.0])
    assert table.numbers("baseline_error_mev_per_atom") == pytest.approx([500.0, -500.0])


def test_one_seed_has_no_spread_and_no_quantity_gives_no_rows():
    one = SnapshotEnergies(
        ("a",), np.array([1.0]), np.array([[1.1]]), np.array([1.0]), np.array([1.0])
    )
    table = snapshot_errors_table({"band energy": one})
    assert np.isnan(table.numbers("std_over_seeds_mev_per_atom")).all()
    assert len(snapshot_errors_table({})) == 0


def test_a_method_without_a_number_keeps_its_row():
    row = dict.fromkeys(METHOD_COLUMNS, "2") | {"label": "random search", "mae_ratio": ""}
    table = method_costs_table([row])
    assert table.words("method") == ["random search"]
    assert np.isnan(table.numbers("mae_ratio")).all()
    assert table.numbers("search_seconds") == pytest.approx([2.0])
