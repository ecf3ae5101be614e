"""The JSON of a fitted potential: everything that energies, forces and stress need."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo import limits
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.priors import Morse, Prior, Zbl

FORM = "surrogate-hpo linear SNAP potential 1"
_KEYS = (
    "form",
    "descriptor",
    "coefficients_ev",
    "members_ev",
    "prior",
    "network",
    "details",
    "provenance",
)
_PRIORS: dict[str, type[Morse] | type[Zbl]] = {"morse": Morse, "zbl": Zbl}
# More than any potential has: 2 J_max 20 with ten elements are 20 000 coefficients.
_MOST_TWOJMAX, _MOST_ELEMENTS, _MOST_CUTOFF = 20, 40, 100.0


def write_potential(path: Path, potential: Potential, provenance: Mapping[str, Any]) -> None:
    """Write a potential as JSON, atomically.

    Parameters
    ----------
    path
        The file.
    potential
        What to write.
    provenance
        What made it.
    """
    prior = potential.prior
    write_document(
        path,
        {
            "form": FORM,
            "units": "eV, Å",
            "descriptor": asdict(potential.descriptor),
            "coefficients_ev": potential.coefficients.tolist(),
            "members_ev": potential.members.tolist(),
            "prior": None
            if prior is None
            else {"kind": type(prior).__name__.lower()} | asdict(prior),
            "network": None if potential.networks is None else _network_document(potential),
            "details": potential.details,
            "provenance": dict(provenance),
        },
    )


def read_potential(path: Path | str) -> Potential:
    """Read what the potential stage has written.

    Parameters
    ----------
    path
        `potential.json`.

    Returns
    -------
    Potential
        Ready for use.

    Raises
    ------
    DataError
        If the file is missing, damaged, or no potential.
    """
    content = read_document(Path(path), keys=_KEYS)
    try:
        if content["form"] != FORM:
            raise ValueError(f"form {content['form']!r}")
        descriptor = _descriptor(content["descriptor"])
        return Potential(
            descriptor,
            _finite(content["coefficients_ev"], (descriptor.features,)),
            _prior(content["prior"], descriptor.elements),
            _finite(content["members_ev"], (len(content["members_ev"]), descriptor.features)),
            dict(content["details"]),
            _networks(content["network"], descriptor),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            "the file is no potential",
            where=str(path),
            expected=f"what the potential stage writes: {FORM}",
            got=str(error),
            remedy="fit it again: snakemake potential",
        ) from error


def _descriptor(content: Mapping[str, Any]) -> AtomDescriptor:
    elements = _elements(content["elements"])
    twojmax, cutoff = content["twojmax"], _finite(content["cutoff_radius"], ())
    if type(twojmax) is not int or not 0 <= twojmax <= _MOST_TWOJMAX:
        raise ValueError(f"twojmax {twojmax!r}")
    if not 0 < cutoff <= _MOST_CUTOFF:
        raise ValueError(f"cutoff_radius {cutoff}")
    weights, radii = (_finite(content[key], None) for key in ("weights", "radii"))
    for name, values in (("weights", weights), ("radii", radii)):
        if values.shape not in ((0,), (len(elements),)):
            raise ValueError(f"{name} of shape {values.shape}")
    if len(radii) and not 0 < radii.min() <= radii.max() <= 1:
        raise ValueError(f"radii {radii.tolist()}")
    return AtomDescriptor(float(cutoff), twojmax, elements, tuple(weights), tuple(radii))


def _elements(content: object) -> tuple[str, ...]:
    known = isinstance(content, list) and all(
        isinstance(symbol, str) and symbol in atomic_numbers for symbol in content
    )
    if not (known and isinstance(content, list) and 0 < len(content) <= _MOST_ELEMENTS):
        raise ValueError(f"elements {content!r}")
    if len(set(content)) < len(content):
        raise ValueError("an element occurs twice")
    return tuple(content)


def _prior(content: Mapping[str, Any] | None, elements: tuple[str, ...]) -> Prior | None:
    if content is None:
        return None
    if _elements(content["elements"]) != elements:
        raise ValueError("the prior has other elements than the descriptor")
    cutoff = float(_finite(content["cutoff"], ()))
    if not 0 < cutoff <= _MOST_CUTOFF:
        raise ValueError(f"cutoff of the prior {cutoff}")
    kind = _PRIORS[content["kind"]]
    if kind is Zbl:
        inner = float(_finite(content["inner"], ()))
        if not 0 <= inner < cutoff:
            raise ValueError(f"inner cutoff of the prior {inner}")
        return Zbl(elements, inner, cutoff)
    depth, steepness, length = (
        tuple(_finite(content[key], (len(elements),)).tolist())
        for key in ("depth", "steepness", "length")
    )
    return Morse(elements, depth, steepness, length, cutoff)


def _network_document(potential: Potential) -> dict[str, Any]:
    networks = potential.networks
    assert networks is not None  # noqa: S101 - asked for
    return {
        "architecture": networks.architecture.to_dict(),
        "means": networks.means.tolist(),
        "scales": networks.scales.tolist(),
        "parameters_ev": [[w.tolist() for w in of_one] for of_one in networks.parameters],
    }


def _networks(content: Mapping[str, Any] | None, descriptor: AtomDescriptor) -> Any:  # noqa: ANN401
    if content is None:
        return None
    # They load torch, which a linear potential does without.
    from surrogate_hpo.networks.architecture import Architecture  # noqa: PLC0415
    from surrogate_hpo.potential.networks import ElementNetworks  # noqa: PLC0415

    try:
        architecture = Architecture.from_dict(content["architecture"])
    except ConfigError as error:
        raise ValueError(str(error)) from error
    shape = (descriptor.counts, descriptor.components)
    widths = [descriptor.components, *architecture.hidden_widths, 1]
    layers = [shape for a, b in itertools.pairwise(widths) for shape in ((b, a), (b,))]
    given = content["parameters_ev"]
    if len(given) != descriptor.counts or any(len(one) != len(layers) for one in given):
        raise ValueError("networks of other elements or layers")
    scales = _finite(content["scales"], shape)
    if not (scales > 0).all():
        raise ValueError("scales that are not positive")
    return ElementNetworks(
        architecture,
        _finite(content["means"], shape),
        scales,
        tuple(
            tuple(_finite(w, layer) for w, layer in zip(one, layers, strict=True)) for one in given
        ),
    )


def _finite(values: object, shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    array = np.array(values, np.float64)
    limits.require(
        array.size <= limits.JSON_VALUES,
        "a potential has more coefficients than any that makes sense",
        where="potential",
        most=limits.JSON_VALUES,
        got=array.size,
    )
    # An empty list does not say how many columns it has.
    empty = shape is not None and array.size == 0 == math.prod(shape)
    if shape is not None and not empty and array.shape != shape:
        raise ValueError(f"numbers of shape {array.shape} instead of {shape}")
    if not np.isfinite(array).all():
        raise ValueError("numbers that are not finite")
    return array.reshape(shape) if empty and shape is not None else array
