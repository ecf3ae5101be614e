"""Derivatives of the SNAP bispectrum by the positions of the atoms and by a strain."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.adjoint.kernel import adjoint_kernel, adjoint_scratch
from surrogate_hpo.descriptors.adjoint.norms import row_norms
from surrogate_hpo.descriptors.atoms import WeightedAtoms, weighted_atoms
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import Tables, kernel_tables
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import check_positive_integer, checked_vectors
from surrogate_hpo.errors import DataError


class BispectrumAdjoint:
    r"""Derivatives of energies of one structure that depend on the bispectrum at points.

    .. math::
        \frac{\mathrm{d}E}{\mathrm{d}\mathbf{R}_i} = \sum_{p} \sum_{t}
        \frac{\partial E}{\partial B_t(p)} \frac{\partial B_t(p)}{\partial \mathbf{R}_i},
        \qquad
        \frac{\mathrm{d}E}{\mathrm{d}\varepsilon_{ab}} = -\sum_{p,i}
        (\mathbf{r}_p - \mathbf{R}_i)_a
        \Bigl(\frac{\mathrm{d}E_p}{\mathrm{d}\mathbf{R}_i}\Bigr)_b

    for any energy that depends on the atoms through the components of
    :class:`.bispectrum.Bispectrum` at these points. For the first, the points stay where they
    are; all periodic images of an atom move with it. For the second, the strain
    :math:`\mathbf{r} \to \mathbf{r}(1+\varepsilon)` takes points, atoms and cell along, and
    the sum runs over the images as single atoms. An atom on a point is not its neighbour, and
    gets nothing from it.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.

    References
    ----------
    Thompson et al., J. Comput. Phys. 285, 316 (2015), section 2.4, for the chain rule; the
    derivative of a rotation matrix of degree j is taken as one of degree j − 1.
    """

    def __init__(
        self,
        positions: ArrayLike,
        cell: ArrayLike,
        *,
        cutoff_radius: float,
        twojmax: int,
        weights: ArrayLike | None = None,
        radii: ArrayLike | None = None,
    ) -> None:
        self._atoms = weighted_atoms(
            positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
        )
        self._components = n_components(twojmax)
        self._tables = kernel_tables(int(twojmax), "float64")
        self._bins = self._atoms.neighbour_bins()

    def __call__(
        self, points: ArrayLike, gradient: ArrayLike, *, threads: int = 1, block: int = 4096
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Carry dE/dB at points over to the atoms and to the strain.

        Parameters
        ----------
        points
            Cartesian coordinates, Å, [P, 3]; inside the cell or not.
        gradient
            ∂E/∂B, in the unit of E, [P, n_components(twojmax)]; of several energies,
            [M, P, n_components(twojmax)], which costs less than one after the other.
        threads
            Number of threads; the numbers do not depend on it.
        block
            Points handed to a thread at a time; the order of the sum over points depends on it,
            and so does rounding.

        Returns
        -------
        array [N, 3], array [3, 3]
            dE/dR, in the unit of E per Å, and dE/dε, in the unit of E; of several energies
            [M, N, 3] and [M, 3, 3].

        Raises
        ------
        ConfigError
            If `threads` or `block` is not a positive integer.
        DataError
            If an array has the wrong shape, or holds NaN or inf.
        """
        where = checked_vectors("points", points)
        given = checked_gradient(gradient, len(where), self._components)
        energies = given if given.ndim == 3 else given[None]
        check_positive_integer("threads", threads)
        check_positive_integer("block", block)
        atoms = self._atoms
        totals = np.zeros((len(energies), *atoms.positions.shape)), np.zeros((len(energies), 3, 3))
        add_pulled(
            totals, (atoms, self._bins), self._tables, where, energies, threads=threads, block=block
        )
        derivative, strain = totals
        return (derivative, strain) if given.ndim == 3 else (derivative[0], strain[0])


def bispectrum_adjoint(
    points: ArrayLike,
    positions: ArrayLike,
    cell: ArrayLike,
    gradient: ArrayLike,
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    threads: int = 1,
    block: int = 4096,
) -> NDArray[np.float64]:
    """Carry dE/dB at points over to dE/dR of the atoms, see :class:`BispectrumAdjoint`.

    Forces are the negative of what is returned.

    Parameters
    ----------
    points
        Cartesian coordinates, Å, [P, 3]; inside the cell or not.
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    gradient
        ∂E/∂B, in the unit of E, [P, n_components(twojmax)].
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.
    threads
        Number of threads.
    block
        Points handed to a thread at a time.

    Returns
    -------
    array [N, 3]
        dE/dR, in the unit of E per Å.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    """
    evaluate = BispectrumAdjoint(
        positions,
        cell,
        cutoff_radius=cutoff_radius,
        twojmax=twojmax,
        weights=weights,
        radii=radii,
    )
    derivative, _ = evaluate(points, gradient, threads=threads, block=block)
    return derivative


def add_pulled(
    totals: tuple[NDArray[np.float64], NDArray[np.float64]],
    seen: tuple[WeightedAtoms, NeighbourBins],
    tables: Tables,
    points: NDArray[np.float64],
    energies: NDArray[np.float64],
    *,
    threads: int,
    block: int,
    centres: NDArray[np.intp] | None = None,
) -> None:
    """Add what the points contribute to the derivatives, block by block, in their order.

    Parameters
    ----------
    totals
        [M, N, 3] and [M, 3, 3]: derivatives by positions and strain, added to.
    seen
        The atoms, and their candidates for neighbours.
    tables
        Of the degree of the components.
    points
        Å, [P, 3], checked.
    energies
        ∂E/∂B, [M, P, components], checked.
    threads
        Number of threads; the numbers do not depend on it.
    block
        Points handed to a thread at a time.
    centres
        Numbers of the atoms that the points move with, [P], each once; if absent they stand still.
    """
    atoms, bins = seen

    def of_block(begin: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        part = slice(begin, begin + block)
        moving = centres[part] if centres is not None else np.empty(0, np.intp)
        scratch = adjoint_scratch(tables, energies.shape[-1], bins.max_candidates, len(energies))
        out, virial = (np.zeros_like(total) for total in totals)
        reaction = np.zeros((len(energies), len(moving), 3))  # empty: none wanted
        adjoint_kernel(
            points[part],
            energies[:, part],
            bins,
            atoms.cutoffs,
            atoms.weights,
            tables,
            row_norms(tables.twojmax),
            scratch,
            out,
            virial,
            reaction,
        )
        out[:, moving] += reaction
        return out, virial

    with ThreadPoolExecutor(threads) as pool:
        # In the order of the blocks, whichever is done first.
        for found in pool.map(of_block, range(0, len(points), block)):
            for total, part in zip(totals, found, strict=True):
                np.add(total, part, out=total)


def checked_gradient(values: ArrayLike, n_points: int, count: int) -> NDArray[np.float64]:
    """Return finite numbers of each component at each point, or raise DataError."""
    try:
        array = np.require(values, np.float64, ["C_CONTIGUOUS", "WRITEABLE"])
    except (TypeError, ValueError) as error:
        raise DataError("`gradient` is not an array of numbers.", where="gradient") from error
    if array.ndim not in (2, 3) or array.shape[-2:] != (n_points, count):
        raise DataError(
            "`gradient` does not fit the points and components.",
            where="gradient",
            expected=f"shape [{n_points}, {count}]: points, then components",
            got=f"shape {list(array.shape)}",
        )
    if not np.isfinite(array).all():
        *energy, point, component = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            "`gradient` holds a value that is not a finite number.",
            where=f"gradient{[*energy, point, component]}",
            expected="finite numbers",
            got=str(array[*energy, point, component]),
            remedy="look for a division by zero in what depends on the descriptors",
        )
    return array
