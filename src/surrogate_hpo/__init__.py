"""Surrogates of the electronic structure, with hyperparameters found without training."""

__version__ = "0.1.0"
