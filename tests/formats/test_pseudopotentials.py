from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import simpson

from surrogate_hpo.dft.hgh import (
    ALUMINIUM_LDA,
    LITHIUM_LDA,
    MAGNESIUM_LDA,
    SILICON_LDA,
    HghChannel,
    channel_coupling,
    local_potential,
    projector,
    radial_potential,
)
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.upf.reader import functional_name, read_upf
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.units import BOHR_ANGSTROM

SHIPPED = Path(__file__).resolve().parents[2] / "pseudopotentials/Al.hgh-lda.UPF"


def altered(tmp_path, *replacements):
    text = SHIPPED.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "altered.UPF"
    path.write_text(text)
    return path


@pytest.mark.parametrize("row", [ALUMINIUM_LDA, LITHIUM_LDA, MAGNESIUM_LDA, SILICON_LDA])
def test_shipped_files_are_what_the_generator_writes(row):
    path = SHIPPED.with_name(f"{row.element}.hgh-lda.UPF")
    assert path.read_text() == hgh_upf(row)
    read = read_upf(path)
    assert (read.element, read.z_valence) == (row.element, row.z_valence)
    assert (read.functional, read.kind) == ("lda_pw92", "norm_conserving")


@pytest.mark.parametrize("momentum", [0, 1, 2])
@pytest.mark.parametrize("index", [1, 2, 3])
def test_projectors_are_normalised(momentum, index):
    r = np.linspace(0, 12, 4001)
    channel = HghChannel(angular_momentum=momentum, radius=0.6, strengths=(1.0,))
    assert simpson((r * projector(channel, index, r)) ** 2, x=r) == pytest.approx(1.0, abs=1e-12)


def test_coupling_makes_higher_projectors_act_on_the_part_orthogonal_to_lower_ones():
    # HGH define h_ij so that h_22 multiplies the part of p_2 orthogonal to p_1: the off-diagonal
    # factor is the overlap integral of p_1 and p_2 times a constant of the paper.
    h = channel_coupling(HghChannel(angular_momentum=0, radius=0.5, strengths=(1.0, 2.0, 3.0)))
    assert np.array_equal(h, h.T)
    assert h[0, 1] == pytest.approx(-0.5 * np.sqrt(3 / 5) * 2)
    assert h[0, 2] == pytest.approx(0.5 * np.sqrt(5 / 21) * 3)
    assert h[1, 2] == pytest.approx(-0.5 * np.sqrt(100 / 63) * 3)


def test_local_part_is_finite_at_the_origin_and_coulombic_far_out():
    r = np.array([0.0, 1e-6, 6.0])
    v = local_potential(ALUMINIUM_LDA, r)
    at_origin = -3 * np.sqrt(2 / np.pi) / 0.45 - 8.49135116
    assert v[0] == pytest.approx(at_origin, rel=1e-12)
    assert v[1] == pytest.approx(at_origin, rel=1e-6)
    assert v[2] == pytest.approx(-3 / 6.0, rel=1e-12)


def test_radial_potential_has_s_s_p_projectors_and_three_electrons():
    potential = radial_potential(ALUMINIUM_LDA)
    assert potential.angular_momenta == (0, 0, 1)
    assert potential.coupling[2, :2] == pytest.approx(0.0)
    assert simpson(potential.atomic_density, x=potential.radius) == pytest.approx(3.0, abs=1e-10)


def test_shipped_file_reads_back():
    read = read_upf(SHIPPED)
    assert (read.element, read.z_valence, read.functional) == ("Al", 3.0, "lda_pw92")
    assert (read.kind, read.core_correction) == ("norm_conserving", False)
    assert read.radial_grid[-1] == pytest.approx(12 * BOHR_ANGSTROM)
    assert read.radial_weights.sum() == pytest.approx(12.01 * BOHR_ANGSTROM)
    assert not read.core_density.any()


@pytest.mark.parametrize("spelling", ["T", ".true.", "true", ".TRUE."])
def test_core_density_is_read_in_package_units(tmp_path, spelling):
    r = radial_potential(ALUMINIUM_LDA).radius
    numbers = " ".join(f"{x:.8E}".replace("E", "D") for x in np.exp(-r))
    nlcc = f'<PP_NLCC type="real" size="{len(r)}">{numbers}</PP_NLCC>\n<PP_LOCAL '
    path = altered(
        tmp_path,
        ('core_correction="F"', f'core_correction="{spelling}"'),
        ("<PP_LOCAL ", nlcc),
    )
    read = read_upf(path)
    assert read.core_correction
    charge = 4 * np.pi * (read.radial_grid**2 * read.core_density * read.radial_weights).sum()
    assert charge == pytest.approx(8 * np.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ('is_paw="F"', 'is_paw=".true."', "paw"),
        ('is_ultrasoft="F"', 'is_ultrasoft="T"', "ultrasoft"),
        ('pseudo_type="NC"', 'pseudo_type="PAW"', "paw"),
        ('pseudo_type="NC"', 'pseudo_type="USPP"', "ultrasoft"),
    ],
)
def test_ultrasoft_and_paw_are_recognised(tmp_path, old, new, kind):
    assert read_upf(altered(tmp_path, (old, new))).kind == kind


def test_generator_input_in_pp_info_need_not_be_xml(tmp_path):
    info = "<PP_INFO>\n &input a<b & c /\n"
    assert read_upf(altered(tmp_path, ("<PP_INFO>", info))).element == "Al"


@pytest.mark.parametrize(
    "replacement",
    [
        ("</UPF>", "</UPF>\n<!-- made by a & b --\n generator settings: 1 < 2\n"),
        ("<UPF", "<?xml version='1.0'?>\n<!-- R&D -- our own -->\n<UPF"),
        (
            "<PP_HEADER",
            "<!-- a & b -- c --> <PP_INPUTFILE>\n a<b & c --\n</PP_INPUTFILE><PP_HEADER",
        ),
        ('element="Al"', 'element="AL"'),
        ('element="Al"', 'element=" al "\n  author="Smith & Jones"'),
        ("</UPF>", "<PP_INPUTFILE type='x'> &input / </PP_INPUTFILE></UPF>"),
    ],
)
def test_what_pw_x_reads_is_not_called_damaged(tmp_path, replacement):
    read, shipped = read_upf(altered(tmp_path, replacement)), read_upf(SHIPPED)
    assert read.element == "Al"
    np.testing.assert_array_equal(read.radial_grid, shipped.radial_grid)


def test_three_digits_of_an_exponent_leave_no_room_for_its_letter(tmp_path):
    lines = SHIPPED.read_text().split("\n")
    row = next(i for i, line in enumerate(lines) if line.startswith("<PP_RAB")) + 1
    words = lines[row].split()
    lines[row] = " ".join(["1.25-105", "-2.5D-03", "3.0+100", "4.0E-001"][: len(words)])
    (tmp_path / "a.UPF").write_text("\n".join(lines))
    found = read_upf(tmp_path / "a.UPF").radial_weights[: len(words)] / BOHR_ANGSTROM
    np.testing.assert_allclose(found, [1.25e-105, -2.5e-3, 3e100, 0.4][: len(words)])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SLA PZ NOGX NOGC", "lda_pz"),
        (" SLA  PZ   NOGX NOGC ", "lda_pz"),
        ("PZ", "lda_pz"),
        ("sla+pw+nogx+nogc", "lda_pw92"),
        ("PW", "lda_pw92"),
        ("SLA-PW-PBX-PBC", "pbe"),
        ("PBE", "pbe"),
        ("PBESOL", "pbesol"),
    ],
)
def test_functional_spellings(text, name):
    assert functional_name(text, where="here") == name


@pytest.mark.parametrize("text", ["SCAN", "BLYP", ""])
def test_unknown_functional_is_refused(text):
    with pytest.raises(DataError, match=r"functional is not supported\n  where: here\n.*pbesol"):
        functional_name(text, where="here")


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (("</UPF>", ""), "not a complete UPF file"),
        (('core_correction="F"', 'core_correction="T"'), "lacks a section\n.*\n.*PP_NLCC"),
        (('z_valence="3.0"', ""), "lacks an attribute\n.*\n.*z_valence"),
        (('z_valence="3.0"', 'z_valence="three"'), "not a number\n.*\n.*'three'"),
        (('core_correction="F"', 'core_correction="maybe"'), "not a logical value"),
        (('pseudo_type="NC"', 'pseudo_type="XX"'), "unknown kind"),
        (('<PP_R type="real" size="1201"', '<PP_R type="real" size="1301"'), "1301 finite numbers"),
        (("1.000000000000E-02", "NaN"), "1201 numbers, 1200 of them finite"),
    ],
)
def test_damaged_files_are_refused(tmp_path, replacement, message):
    if replacement[0].startswith("1.0"):
        text = SHIPPED.read_text().replace(*replacement, 1)
        path = tmp_path / "nan.UPF"
        path.write_text(text)
    else:
        path = altered(tmp_path, replacement)
    with pytest.raises(DataError, match=message):
        read_upf(path)


def test_version_1_is_refused_with_the_converter_named(tmp_path):
    path = tmp_path / "old.UPF"
    path.write_text("<PP_INFO>\n</PP_INFO>\n<PP_HEADER>\n 0 Version\n</PP_HEADER>\n")
    with pytest.raises(DataError, match=r"UPF version 1\n(.*\n)*.*upfconv\.x"):
        read_upf(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read\n  where: .*none\.UPF\n.*No such file"):
        read_upf(tmp_path / "none.UPF")
