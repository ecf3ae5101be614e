"""The bispectrum by quadrature on the 3-sphere: no Clebsch-Gordan coefficients, no recursion.

B(j1, j2, j) = (j + 1) ⟨f_j1 f_j2 f_j⟩ with f_j(q) = U_j(q·q0) + Σ_i w_i f_c(r_i) U_j(q·q_i),
U_j the Chebyshev polynomial of the second kind, ⟨⟩ the mean over all unit quaternions q.
"""

import itertools

import numpy as np


def sphere_quadrature(degree):
    """Points [K, 4] and weights (sum 1), exact for even polynomials up to `degree`."""
    n_angle, n_polar = degree // 2 + 1, degree // 4 + 1
    # q = (cos η cos(φ+ψ), cos η sin(φ+ψ), sin η cos(φ−ψ), sin η sin(φ−ψ)); the mean over the
    # sphere is the mean over φ, ψ and t = cos 2η. Even polynomials are periodic in φ, ψ mod π.
    t, weight = np.polynomial.legendre.leggauss(n_polar)
    eta = np.arccos(t)[:, None, None] / 2
    phi = np.pi * np.arange(n_angle)[:, None] / n_angle
    psi = np.pi * np.arange(n_angle)[None, :] / n_angle
    ones = np.ones_like(eta)
    q = [
        np.cos(eta) * np.cos(phi + psi),
        np.cos(eta) * np.sin(phi + psi),
        np.sin(eta) * np.cos(phi - psi),
        np.sin(eta) * np.sin(phi - psi),
    ]
    weights = weight[:, None, None] / 2 / n_angle**2 * np.ones_like(phi + psi) * ones
    return np.stack(q, -1).reshape(-1, 4), weights.ravel()


def neighbour_vectors(point, positions, cell, cutoffs):
    """All point − image vectors within the atoms' cutoffs, and whose they are, by brute force."""
    inverse = np.linalg.inv(cell)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    reach = np.ceil(np.max(cutoffs) / heights).astype(int) + 1
    shifts = np.array(list(itertools.product(*[range(-n, n + 1) for n in reach]))) @ cell
    offset = point - positions
    offset = offset - np.round(offset @ inverse) @ cell
    vectors = (offset[:, None] - shifts).reshape(-1, 3)
    atom = np.repeat(np.arange(len(positions)), len(shifts))
    distance = np.linalg.norm(vectors, axis=1)
    near = (distance < np.asarray(cutoffs)[atom]) & (distance**2 > 1e-20)
    return vectors[near], atom[near]


def oracle(points, positions, cell, cutoff_radius, triples, weights=None, radii=None):
    twojmax = max(j for _, _, j in triples)
    q, quadrature = sphere_quadrature(3 * twojmax)
    cutoffs = 2 * cutoff_radius * (np.full(len(positions), 0.5) if radii is None else radii)
    strength = np.ones(len(positions)) if weights is None else np.asarray(weights)
    rows = []
    for point in points:
        vectors, atom = neighbour_vectors(point, positions, cell, cutoffs)
        r = np.linalg.norm(vectors, axis=1)
        theta = 0.99363 * np.pi * r / cutoffs[atom]
        switch = strength[atom] * (np.cos(np.pi * r / cutoffs[atom]) + 1) / 2
        rotations = np.column_stack([np.cos(theta), vectors * (np.sin(theta) / r)[:, None]])
        projections = np.vstack([rotations, [1.0, 0, 0, 0]]) @ q.T
        switch = np.append(switch, 1.0)
        before, now = np.zeros_like(projections), np.ones_like(projections)
        f = []
        for _ in range(twojmax + 1):
            f.append(switch @ now)
            before, now = now, 2 * projections * now - before
        rows.append([(j + 1) * (quadrature @ (f[a] * f[b] * f[j])) for a, b, j in triples])
    return np.array(rows)
