"""Mean, covariance and maximum of data that may not fit in memory, gathered part by part."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.batches import row_chunks

_ROWS_PER_CHUNK = 65536


@dataclass(frozen=True)
class Summary:
    """What the fit of a scaling needs to know of the data, each of shape (features,) or its square.

    Attributes
    ----------
    mean
        Mean of each feature, float64.
    covariance
        Their covariance, float64.
    maximum
        Largest value of each feature.
    """

    mean: Tensor
    covariance: Tensor
    maximum: Tensor

    @property
    def positive_maximum(self) -> float:
        """Largest value of all, of data that must be positive somewhere."""
        maximum = float(self.maximum.max())
        if maximum <= 0:
            raise DataError(
                "The LDOS of the training data is nowhere positive.",
                expected="a positive maximum in 1/(eV Å³)",
                got=f"maximum {maximum}",
            )
        return maximum


Values = Tensor | Iterable[Tensor] | Summary


def summarise(values: Values, name: str) -> Summary:
    """Go through data, part by part, and gather what the scalings need.

    Parameters
    ----------
    values
        Shape (points, features); or parts of that shape, which can be gone through twice; or a
        summary, which is returned as it is.
    name
        What the data are called in messages.

    Returns
    -------
    Summary
        On the CPU. The covariance comes from centred parts: data of one sign cancel badly.

    Raises
    ------
    DataError
        Fewer than two points, or a value that is not finite.
    """
    if isinstance(values, Summary):
        return values
    count, sums, maxima = 0, [], []
    for chunk in _chunks(values, name):
        count += len(chunk)
        sums.append(chunk.to(torch.float64).sum(0))
        maxima.append(chunk.amax(0))
        if not bool(torch.isfinite(sums[-1]).all()):
            bad = int((~torch.isfinite(chunk)).any(1).nonzero()[0, 0]) + count - len(chunk)
            raise DataError(
                f"The {name} hold a value that is not finite.",
                where=f"first at point {bad}",
                remedy="Remake the file that holds them.",
            )
    if count < 2:
        raise _too_few(name, f"{count} points")
    mean = torch.stack(sums).sum(0) / count
    covariance = mean.new_zeros(len(mean), len(mean))
    for chunk in _chunks(values, name):
        centred = chunk.to(torch.float64) - mean
        covariance += centred.T @ centred
    return Summary(mean.cpu(), (covariance / count).cpu(), torch.stack(maxima).amax(0).cpu())


def _chunks(values: Tensor | Iterable[Tensor], name: str) -> Iterator[Tensor]:
    for part in (values,) if isinstance(values, Tensor) else values:
        if part.ndim != 2:
            raise _too_few(name, f"shape {tuple(part.shape)}")
        yield from row_chunks(part, _ROWS_PER_CHUNK)


def _too_few(name: str, got: str) -> DataError:
    return DataError(
        f"Too few {name} to fit a scaling.",
        expected="an array (points, features) with two points or more",
        got=got,
    )
