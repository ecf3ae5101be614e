"""Configs that would fill memory or time: refused with file, line and remedy, in a second."""

import time
from pathlib import Path

import pytest

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError, DataError, SurrogateHpoError

REPOSITORY = Path(__file__).parents[2]
TINY = (REPOSITORY / "config/tiny.yaml").read_text()
DOUBLING = "a0: &a0 [1, 2]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 64)
)
DOUBLED_MAPS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}\n" for n in range(1, 64)
)
BROKEN = {
    DOUBLING: "holds more than any config",
    DOUBLED_MAPS: "holds more than any config",
    "a: &a [*a]": "has not finished",
    "a: &a {b: *a}": "has not finished",
    "a: *b": "or nothing",
    "a: " + "[" * 5000: "nested too deeply",
    "a: " + "{b: " * 5000: "nested too deeply",
    "".join(" " * n + "a:\n" for n in range(300)): "nested too deeply",
    "- " * 5000: "nested too deeply",
    "<<: {seed: 1}": "merges a mapping",
    "a: &a {}\nb: {<<: *a}": "merges a mapping",
    "seed: " + "9" * 5000: "too many digits",
    "seed: 0x" + "f" * 5000: "too many digits",
    "seed: 1:" + "59:" * 5000 + "1": "too many digits",
    "seed: 1." + "0" * 5000 + "e5": "too many digits",
    "seed: 2026-13-45": "should be a valid integer",
    "seed: !!int abc": "not valid YAML",
    "seed: !!float abc": "not valid YAML",
    "seed: !!bool abc": "not valid YAML",
    "seed: !!timestamp abc": "not valid YAML",
    "seed: !!int ''": "not valid YAML",
    "seed: !!python/object/apply:os.system [ls]": "not valid YAML",
    "? [1, 2]\n: 3": "not valid YAML",
    "? {a: 1}\n: 3": "not valid YAML",
    "a: 1\n---\nb: 2": "not valid YAML",
    "\0": "not valid YAML",
    "[1, 2]": "holds no settings",
    "#" * 2_000_000: "larger than any",
}


@pytest.mark.parametrize(("text", "said"), BROKEN.items(), ids=range(len(BROKEN)))
def test_yaml_that_is_no_config_is_refused_in_bounded_time(tmp_path, text, said):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    start = time.process_time()
    with pytest.raises((ConfigError, DataError), match=said) as error:
        load_config([path])
    assert str(path) in str(error.value)
    assert time.process_time() - start < 10


def test_an_alias_is_no_fault(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(TINY.replace("kpoints: [2, 2, 2]", "kpoints: &two [2, 2, 2]"))
    assert load_config([path]).dft.kpoints == [2, 2, 2]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("training: 6", "training: 1000000000000", "at most 100000 make sense"),
        ("training: 6", "training: [{number: 1000000000}]", "at most 100000 make sense"),
        ("training: 6", "training: [{number: 10000000000000000}]", "less than or equal to"),
        ("training: 6", "training: ['a@0:1000000000000']", "at most 100000 make sense"),
        ("training: 6", "training: [{files: ['a@0:1000000000000']}]", "at most 100000 make sense"),
        ("training: 6", "training: ['a@0:" + "9" * 5000 + "']", "leaves open which frames"),
        ("training: 6", "training: [{number: 5, supercell_atoms: 1000000}]", "less than or equal"),
        ("cubic: true", "repeat: [1000, 1000, 1000]", "makes more than"),
        ("seed: 7", "seed: " + "9" * 30, "less than or equal"),
        ("spacing_ev: 0.5", "spacing_ev: 1.0e-12", "more than 100000 energies"),
    ],
)
def test_counts_beyond_any_run_are_refused_before_they_are_listed(tmp_path, old, new, said):
    path = tmp_path / "c.yaml"
    assert old in TINY
    path.write_text(TINY.replace(old, new, 1))
    with pytest.raises(SurrogateHpoError, match=said):
        load_config([path])
