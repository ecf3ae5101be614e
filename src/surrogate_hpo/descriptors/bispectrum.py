"""SNAP bispectrum components at arbitrary points of a periodic cell."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from surrogate_hpo.descriptors.kernel import GEOMETRY_ROWS, bispectrum_kernel
from surrogate_hpo.descriptors.lanes import lane_array
from surrogate_hpo.descriptors.neighbours import NeighbourBins, neighbour_bins
from surrogate_hpo.descriptors.tables import Tables, kernel_tables
from surrogate_hpo.descriptors.triples import n_components

def bispectrum(points, positions, cell, *, cutoff_radius, twojmax, weights=None, radii=None, dtype=np.float64, threads=1, block=4096):
    cutoffs=np.full(len(positions), cutoff_radius) if radii is None else 2*radii*cutoff_radius
    weights=np.ones(len(positions)) if weights is None else weights
    bins=neighbour_bins(positions,cell,cutoff_radius=cutoffs.max())
    tables=kernel_tables(int(twojmax), np.dtype(dtype).name)
    out=np.empty((len(points),n_components(twojmax)),dtype)
    def work(begin):
        sl=slice(begin,begin+block)
        bispectrum_kernel(points[sl],(bins.cell,bins.inverse,bins.shape,bins.start,bins.positions,bins.atoms),cutoffs,weights,tuple(tables),_scratch(bins,tables,out.dtype),out[sl])
    with ThreadPoolExecutor(threads) as ex: list(ex.map(work,range(0,len(points),block)))
    return out
def _scratch(bins,tables,dtype):
    n=bins.max_candidates
    lanes=64//np.dtype(dtype).itemsize
    return (np.zeros((n*5,lanes)), lane_array(5*n,dtype), lane_array(2*(tables.twojmax//2+2)*(tables.twojmax+1),dtype), lane_array(2*int(tables.first[-1]),dtype), lane_array(len(tables.triples),dtype))
