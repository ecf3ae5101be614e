"""Bounds of memory that a stage keeps to and its estimate counts with."""

KEPT_DESCRIPTOR_BYTES = 2**30
"""Up to so much, the naswot stage keeps the descriptors that it has read."""

DENSITY_POINT_BYTES = 150
"""Integrals of a density, per grid point: with PBE and a core, which take most, 138 were measured;
with the LDA and without one, 73."""

GRADIENT_POINT_BYTES = 416
"""Derivatives of the density's integrals, with it and its slope, per grid point; not the field of
each network."""

SLAB_POINT_BYTES = 15
"""One network's density in the slabs of a large cell, per grid point: of five polynomials, the
first three of four bytes at most, then two and one."""

EXPANSION_POINT_BYTES = 28
"""The same in memory, while it is computed."""
