"""Surrogates of the electronic structure, with hyperparameters found without training."""

import os

__version__ = "0.1.0"
# OpenMP's threads spin while they wait, by default: beside another process on the same cores a
# trial of the tutorial's search then took 145 s instead of 25. torch reads this when it is loaded,
# so it stands here, before any module of the package; child processes inherit it.
PATIENCE = {
    name: os.environ.setdefault(name, value)
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0"))
}
