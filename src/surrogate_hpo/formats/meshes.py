"""Surfaces as PLY files, which viewers of meshes read."""

from pathlib import Path

import numpy as np

from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.physics.space.isosurface import Surface


def write_mesh(path: Path, surface: Surface, comment: str, *, property_name: str) -> None:
    """Write a surface, atomically.

    Parameters
    ----------
    path
        The file.
    surface
        Vertices in Å.
    comment
        What it is, on one line, ASCII.
    property_name
        Of the values at the vertices, where the surface has such.
    """
    columns = [surface.vertices]
    header = [
        "ply",
        "format ascii 1.0",
        f"comment {comment}",
        "comment lengths in angstrom",
        f"element vertex {len(surface.vertices)}",
        *(f"property double {axis}" for axis in "xyz"),
    ]
    if surface.values is not None:
        header.append(f"property double {property_name}")
        columns.append(surface.values[:, None])
    header += [
        f"element face {len(surface.triangles)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with replacing(path) as partial, partial.open("w", encoding="ascii") as stream:
        stream.write("\n".join(header) + "\n")
        np.savetxt(stream, np.hstack(columns), fmt="%.9g")
        np.savetxt(stream, surface.triangles, fmt="3 %d %d %d")
