import json
from pathlib import Path

import numpy as np
import pytest

from surrogate_hpo.cli import main
from surrogate_hpo.dft.hgh import HghChannel, channel_coupling
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.verbs.pseudopotential.verb import read_hgh_row

REPOSITORY = Path(__file__).resolve().parents[2]
ALUMINIUM = {
    "element": "Al",
    "z_valence": 3,
    "r_local": 0.45,
    "c": [-8.49135116],
    "channels": {
        "s": {"r": 0.46010427, "h": [5.08833953, 2.67969975]},
        "p": {"r": 0.53674439, "h": [2.19343827]},
    },
}
S_MATRIX = channel_coupling(HghChannel(0, 0.46010427, (5.08833953, 2.67969975))).tolist()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(numbers, output="out.UPF"):
    Path("row.yaml").write_text(json.dumps(numbers))
    main(["pseudopotential", "row.yaml", "--output", output])
    return Path(output).read_text()


def with_channel(name, **channel):
    return ALUMINIUM | {"channels": ALUMINIUM["channels"] | {name: channel}}


def test_the_numbers_of_a_shipped_potential_give_its_file(folder, capsys):
    shipped = REPOSITORY / "pseudopotentials/Al.hgh-lda.UPF"
    assert write(ALUMINIUM, "new/Al.UPF") == shipped.read_text()
    said = "new/Al.UPF: Al, z_valence 3, lda_pw92, projectors: s s p\n"
    assert capsys.readouterr().out == said


def test_the_file_of_the_manual_is_taken(folder, capsys):
    page = (REPOSITORY / "docs/howto/another-element.md").read_text()
    text = page.partition("```yaml\n# Na.yaml\n")[2].partition("```")[0]
    Path("Na.yaml").write_text(text)
    main(["pseudopotential", "Na.yaml", "--output", "Na.hgh-lda.UPF"])
    assert capsys.readouterr().out in page
    assert read_upf(Path("Na.hgh-lda.UPF")).z_valence == 1


def test_a_whole_matrix_says_the_same_as_the_diagonal_of_the_paper(folder):
    whole = with_channel("s", r=0.46010427, h=S_MATRIX)
    assert write(whole) == write(ALUMINIUM)
    other = [[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]]
    write(with_channel("f", r=0.5, h=other))
    f = read_hgh_row(Path("row.yaml")).parameters().channels[-1]
    assert f.angular_momentum == 3
    np.testing.assert_array_equal(channel_coupling(f), other)


def test_another_functional_and_its_source_stand_in_the_file(folder):
    text = write(ALUMINIUM | {"functional": "pbe", "source": "M. Krack (2005)"})
    assert "parameters of M. Krack (2005).\n</PP_INFO>" in text
    assert "Hartwigsen" not in text
    assert read_upf(Path("out.UPF")).functional == "pbe"


def test_a_potential_may_be_local(folder, capsys):
    write({key: ALUMINIUM[key] for key in ("element", "z_valence", "r_local", "c")})
    assert capsys.readouterr().out.endswith("projectors: none\n")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (ALUMINIUM | {"element": "AL"}, r"element: There is no such element.*`Al`"),
        (ALUMINIUM | {"z_valence": 14}, "z_valence: Al has 13 electrons in all"),
        (ALUMINIUM | {"z_valence": 2.5}, "z_valence: .*integer"),
        (ALUMINIUM | {"z_valence": 0}, "z_valence: .*greater than 0"),
        (ALUMINIUM | {"r_local": -0.45}, "r_local: .*greater than 0"),
        (ALUMINIUM | {"r_local": 4.5}, "local part does not fit(.|\n)*row.yaml: r_local"),
        (ALUMINIUM | {"r_local": 0.001}, "local part does not fit(.|\n)*r_local = 0.001 bohr"),
        (ALUMINIUM | {"c": []}, "c: .*at least 1"),
        (ALUMINIUM | {"c": [1.0] * 5}, "c: .*at most 4"),
        (ALUMINIUM | {"c": [-8e9]}, "c.0: .*greater than or equal to -1000"),
        (ALUMINIUM | {"c": ["one"]}, "c.0: .*number"),
        (ALUMINIUM | {"rloc": 0.45}, "rloc: unknown key; did you mean `r_local`"),
        (ALUMINIUM | {"functional": "scan"}, "functional: .*'lda_pw92'"),
        (ALUMINIUM | {"functional": "pbe"}, "source: say where it was published"),
        (ALUMINIUM | {"source": "a\n</PP_INFO>"}, "source: source is one line"),
        ({"element": "Al"}, r"3 faults:(.|\n)*z_valence: this key is required"),
        (with_channel("g", r=0.5, h=[1.0]), "channels.g: unknown key"),
        (with_channel("s", r=0.5, h=[0.0, 0.0]), "channels.s.h: all strengths are zero"),
        (with_channel("s", r=0.5, h=[[1.0, 2.0]]), "channels.s.h: either the diagonal"),
        (with_channel("s", r=0.5, h=[[1.0, 2.0], [3.0, 4.0]]), "rows of a symmetric matrix"),
        (with_channel("s", r=0.5, h=[1.0] * 4), "channels.s.h.*at most 3"),
        (with_channel("f", r=0.5, h=[1.0, 1.0]), "no off-diagonal strengths of f"),
        (with_channel("p", r=5.0, h=[1.0]), r"the p projectors do not fit(.|\n)*channels.p.r"),
        (with_channel("p", r=0.01, h=[1.0]), r"the p projectors do not fit(.|\n)*in bohr"),
    ],
)
def test_numbers_that_make_no_potential_are_refused(folder, numbers, message):
    with pytest.raises(SystemExit, match=message):
        write(numbers)
    assert [path.name for path in folder.iterdir()] == ["row.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml", "--output", "a.UPF"], r"potential's numbers cannot be read(.|\n)*Na.yaml"),
        (["row.yaml", "--output", "."], "--output(.|\n)*not a folder"),
        (["row.yaml", "--output", "row.yaml"], "--output(.|\n)*another file"),
    ],
)
def test_files_that_make_no_sense_are_refused(folder, arguments, message):
    Path("row.yaml").write_text(json.dumps(ALUMINIUM))
    with pytest.raises(SystemExit, match=message):
        main(["pseudopotential", *arguments])
    assert json.loads(Path("row.yaml").read_text()) == ALUMINIUM
