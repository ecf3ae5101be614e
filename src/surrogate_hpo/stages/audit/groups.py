"""How the tables of an audit call their groups."""

ALL = "all"
"""The group of all architectures, beside those of one activation."""
