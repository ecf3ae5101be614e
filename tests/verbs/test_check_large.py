"""What `check` and `estimate` find of a large cell before any of its jobs runs."""

import dataclasses
import logging

import pytest
import yaml
from ase.build import bulk
from small_surrogate import aluminium, written

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files import scratch
from surrogate_hpo.stages.predict_large import memory
from surrogate_hpo.verbs.check.large import SLABS, check_large_cell, memory_warning
from surrogate_hpo.verbs.check.verb import check
from surrogate_hpo.verbs.estimate.verb import estimate


@pytest.fixture
def large(project):
    """Makes the config of a large cell."""
    aluminium().write(project / "large.extxyz")

    def config(**options):
        values = yaml.safe_load((project / "config.yaml").read_text())
        values["predict_large"] = {"structure": "large.extxyz", "slabs": 2} | options
        (project / "config.yaml").write_text(yaml.safe_dump(values))
        return load_config([project / "config.yaml"])

    return config


def two_warnings(large):
    """Of energies alone, and of forces."""
    grid = [1000, 1000, 1000]
    return [next(memory_warning(large(grid=grid, **more))) for more in ({}, {"forces": True})]


def with_free(monkeypatch, free):
    usage = dataclasses.make_dataclass("Usage", ["free"])
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: usage(free=free))


def test_a_disk_that_is_too_small_is_a_fault_and_slabs_that_are_there_count(large, monkeypatch):
    config = large(grid=[100, 100, 100])
    check_large_cell(config)
    with_free(monkeypatch, 10_000_000)
    with pytest.raises(ConfigError, match=r"too full for the slabs(.|\n)*0.0 GiB free"):
        check(config)
    assert "TOO LITTLE, `predict_large_bracket` will refuse it" in estimate(config)
    SLABS.mkdir(parents=True)
    for number in range(2):
        (SLABS / f"{number}.zarr.zip").write_bytes(bytes(15_000_000))
    check_large_cell(config)


def test_memory_that_is_too_small_is_told_but_may_be_another_machines(large, monkeypatch, caplog):
    config = large()
    assert not list(memory_warning(config))
    monkeypatch.setattr(memory.os, "sysconf", lambda _: 1)
    (warning,) = memory_warning(config)
    assert "memory is too small" in warning
    assert "on a cluster" in warning
    plain, forces = (warning.split(" GiB for")[0] for warning in two_warnings(large))
    assert float(forces.split()[-1]) > 2.5 * float(plain.split()[-1])
    with caplog.at_level(logging.WARNING):
        check(config)
    assert "memory is too small" in caplog.text


def test_faults_of_the_structure_and_the_surrogate_are_found(large, project):
    with pytest.raises(DataError, match=r"no\.pt"):
        check_large_cell(large(surrogate="no.pt"))
    written(project)
    with pytest.raises(ConfigError, match="more slabs than planes"):
        check_large_cell(large(surrogate="surrogate.pt", slabs=100))
    bulk("Cu", "fcc", cubic=True).write(project / "copper.extxyz")
    with pytest.raises(DataError, match=r"not trained on all elements(.|\n)*Cu"):
        check_large_cell(large(surrogate="surrogate.pt", structure="copper.extxyz"))
    with pytest.raises(ConfigError, match=r"elements that the run does not know(.|\n)*Cu"):
        check_large_cell(large(surrogate=None, structure="copper.extxyz"))


def test_without_a_large_cell_nothing_is_said(project):
    config = load_config([project / "config.yaml"])
    check_large_cell(config)
    assert not list(memory_warning(config))
    assert "large cell" not in estimate(config)
