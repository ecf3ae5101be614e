"""The names of the package itself: loaded when they are used, and nothing before."""

import inspect
import subprocess
import sys

import pytest
from test_starting import HEAVY

import surrogate_hpo


def test_importing_the_package_loads_nothing():
    code = f"import sys, surrogate_hpo; print(*({{*{HEAVY}, 'ase', 'numpy'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", surrogate_hpo.__all__)
def test_each_name_is_there_documented_and_typed(name):
    found = getattr(surrogate_hpo, name)
    assert found.__name__ == name
    assert name in dir(surrogate_hpo)
    assert name in surrogate_hpo.__doc__
    assert inspect.getdoc(found)
    if inspect.isfunction(found):
        signature = inspect.signature(found)
        kinds = [p.annotation for p in signature.parameters.values()] + [
            signature.return_annotation
        ]
        assert inspect.Signature.empty not in kinds


def test_another_name_is_refused_and_modules_are_found():
    with pytest.raises(AttributeError, match="has no attribute 'Surogate'"):
        surrogate_hpo.Surogate  # noqa: B018
    from surrogate_hpo import limits

    assert limits.__name__ == "surrogate_hpo.limits"


def test_a_type_checker_sees_what_is_loaded():
    homes = dict(surrogate_hpo._HOMES)
    lines = inspect.getsource(surrogate_hpo).splitlines()
    seen = [line.split() for line in lines if line.startswith("    from surrogate_hpo.")]
    told = {
        name.strip(","): words[1].removeprefix("surrogate_hpo.")
        for words in seen
        for name in words[3:]
    }
    assert told == homes
    assert sorted(homes) == sorted(surrogate_hpo.__all__)
