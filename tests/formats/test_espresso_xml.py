"""Reading Quantum ESPRESSO's XML, whole and damaged."""

import re

import pytest

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.espresso.size import espresso_size
from surrogate_hpo.formats.espresso.xml_file import read_espresso_xml

pytestmark = pytest.mark.qe


@pytest.fixture
def altered(tiny_run, tmp_path):
    def alter(old, new, count=-1):
        text = (tiny_run.save / "data-file-schema.xml").read_text()
        head, output = text.split("<output>")
        assert old in output
        path = tmp_path / "altered.xml"
        path.write_text(f"{head}<output>{output.replace(old, new, count)}")
        return path

    return alter


def test_reading_again_gives_the_same(tiny_run):
    again = read_espresso_xml(tiny_run.save / "data-file-schema.xml")
    assert again.total_free_energy == tiny_run.result.total_free_energy
    assert again.version.split(".")[0] in {"6", "7"}


def test_k_points_have_the_length_of_a_shifted_mesh(tiny_run):
    # Shifted 2x2x2: (1/4, 1/4, 1/4) of reciprocal vectors of length 2 pi / 4.05 Å.
    assert abs(tiny_run.result.k_points) == pytest.approx(2 * 3.141592653589793 / 4.05 / 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<ewald>", "<ewald_>", "damaged or cut off"),
        ("<noncolin>false", "<noncolin>true", r"spin-polarised\n.*noncolin\n.*nspin = 1"),
        ("fermi_energy>", "f_energy>", r"lacks an element\n.*\n.*band_structure/fermi_energy"),
        ("smearing", "smeared", r"lacks an element\n.*\n.*band_structure/smearing"),
        ("<nelec>", "<nelec>x", r"damaged numbers.*\n.*nelec"),
        ("<nelec>", "<nelec>nan ", r"damaged numbers.*\n.*nelec"),
        ("<nbnd>16", "<nbnd>17", r"eigenvalues\n.*17 finite numbers"),
        ("<nks>4", "<nks>5", r"k points are missing.*\n(.*\n)*.*got: 4"),
        ('nat="4" alat', 'nat="5" alat', "atoms are missing"),
        ('nat="4" alat', 'nat="4" a', r"lacks an attribute\n.*\n.*alat"),
        ('atom name="Al"', 'atom name="Xq"', r"not a chemical species\n.*\n.*'Xq'"),
        ("<functional>PW", "<functional>SCAN", "functional is not supported"),
        (
            "<ehart>",
            "<ehart>1",
            r"do not add up.*\n(.*\n)*.*lower dft\.convergence_rydberg .*conv_thr",
        ),
        ('nr2="15"', 'nr2="many"', r"damaged numbers.*\n.*fft_grid\.nr2"),
        ('degauss="', 'deg="', r"lacks an attribute\n.*\n.*degauss"),
        ('weight="', 'w="', r"lacks an attribute\n.*\n.*weight"),
    ],
)
def test_damage_is_named(altered, old, new, message):
    with pytest.raises(DataError, match=message):
        read_espresso_xml(altered(old, new))


def test_labelled_species_become_elements(altered):
    assert read_espresso_xml(altered('name="Al"', 'name="Al2"')).species == ("Al",) * 4


def test_a_folder_with_an_ampersand_is_no_damage(altered, tiny_run):
    again = altered('pseudo_dir="./pseudo', 'pseudo_dir="/R&D/ours&theirs;/pseudo')
    assert read_espresso_xml(again).total_free_energy == tiny_run.result.total_free_energy
    assert espresso_size(again) == espresso_size(tiny_run.save / "data-file-schema.xml")


def test_ultrasoft_is_recognised(altered):
    assert not read_espresso_xml(altered("<uspp>false", "<uspp>true")).norm_conserving


def test_cut_off_file_is_refused(tiny_run, tmp_path):
    text = (tiny_run.save / "data-file-schema.xml").read_text()
    path = tmp_path / "cut.xml"
    path.write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"damaged or cut off\n  where: .*cut\.xml"):
        read_espresso_xml(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read\n  where: .*none\.xml"):
        read_espresso_xml(tmp_path / "none.xml")


def test_file_without_output_is_refused(tmp_path):
    path = tmp_path / "input-only.xml"
    path.write_text("<espresso><input/></espresso>")
    with pytest.raises(DataError, match=r"lacks an element\n.*\n.*output/band_structure/lsda"):
        read_espresso_xml(path)


def test_fixed_occupations_are_not_taken_for_a_damaged_file(tiny_run, tmp_path):
    text = (tiny_run.save / "data-file-schema.xml").read_text()
    head, mark, output = text.partition("<output")
    output = re.sub(r"<(smearing|demet|fermi_energy)\b.*?</\1>", "", output)
    path = tmp_path / "data-file-schema.xml"
    path.write_text(head + mark + output.replace("kind>smearing<", "kind>fixed<"))
    with pytest.raises(DataError, match=r"Fermi-Dirac(.|\n)*smearing = (.|\n)*fixed occupations"):
        read_espresso_xml(path)
