"""MALA in a process of its own, for benchmarks/training.py: times one epoch of its trainer.

Takes a folder with descriptors and LDOS as MALA reads them and a number of threads. Reads
requests as lines of JSON: `loader` and `optimiser` to use, whether to be `shuffled`, a file
with the `initial` weights and one for the `trained` ones. Answers with the seconds (CPU and
wall) of `Trainer.train_network` for one epoch, and the validation loss after it. Reading the
files and building the data sets are outside the clock.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

FAST = "fast"


def parameters(mala: Any, request: dict[str, Any]) -> Any:  # noqa: ANN401 - no type information
    """MALA's parameters: data as they are, one epoch, the request's loader and optimiser."""
    found = mala.Parameters()
    found.verbosity = 0
    found.network.layer_sizes = request["layer_sizes"]
    found.network.layer_activations = "ReLU"
    found.network.layer_activations_include_output_layer = False
    found.descriptors.descriptors_contain_xyz = False
    found.data.input_rescaling_type = "None"
    found.data.output_rescaling_type = "None"
    found.data.use_fast_tensor_data_set = request["loader"] == FAST
    found.running.max_number_epochs = 1
    found.running.mini_batch_size = request["batch_size"]
    found.running.learning_rate = request["learning_rate"]
    found.running.optimizer = request["optimiser"]
    found.running.use_shuffling_for_samplers = request["shuffled"]
    return found


def trainer(mala: Any, folder: Path, request: dict[str, Any]) -> Any:  # noqa: ANN401
    """MALA's trainer over the folder's data, with the weights given."""
    settings = parameters(mala, request)
    data = mala.DataHandler(settings)
    for part in ("tr", "va"):
        name = f"{part}-{request['order']}"
        data.add_snapshot(f"{name}-in.npy", str(folder), f"{name}-out.npy", str(folder), part)
    data.prepare_data()
    network = mala.Network(settings)
    with np.load(request["initial"]) as weights:
        network.load_state_dict({f"layers.{k}": torch.from_numpy(weights[k]) for k in weights})
    if request["loader"] == FAST and not request["shuffled"]:
        data.training_data_sets[0].shuffle = lambda: None  # it always shuffles otherwise
    return mala.Trainer(settings, network, data)


def epoch(mala: Any, folder: Path, request: dict[str, Any]) -> dict[str, float]:  # noqa: ANN401
    """Train for one epoch, save the weights, return times and loss."""
    runner = trainer(mala, folder, request)
    wall, cpu = time.perf_counter(), time.process_time()
    runner.train_network()
    times = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    state = runner.network.state_dict()
    np.savez(request["trained"], **{k.removeprefix("layers."): v.numpy() for k, v in state.items()})
    return times | {"loss": float(runner.final_validation_loss)}


def main() -> None:
    """Answer requests until the input ends."""
    folder = Path(sys.argv[1])
    os.chdir(folder)  # where MALA leaves its logs
    torch.set_num_threads(int(sys.argv[2]))
    with contextlib.redirect_stdout(sys.stderr):
        mala = importlib.import_module("mala")
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            answer = epoch(mala, folder, json.loads(line))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
