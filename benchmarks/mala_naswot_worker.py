"""MALA's NASWOT in a process of its own, for benchmarks/naswot.py: runs in MALA's environment.

Reads requests as lines of JSON: a `minibatch` and optional `weights` (files of numpy arrays),
`hidden_widths`, `activation`, `outputs`, `initialisations`, `repetitions`. With weights, answers
with the eigenvalue sums of those networks; without, with the CPU seconds of MALA's objective,
the shortest of the repetitions. Everything timed or compared is the package's own code, called
through `ObjectiveNASWOT`; only its data handler is a stand-in that hands out the minibatch.
"""

import contextlib
import importlib
import io
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

MODULES = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def objective_of(request: dict[str, Any], initialisations: int) -> Any:  # noqa: ANN401
    """MALA's objective for one architecture on the minibatch."""
    mala = importlib.import_module("mala")  # no type information
    module: Any = importlib.import_module("mala.network.objective_naswot")
    batch = torch.from_numpy(np.load(request["minibatch"])).to(torch.get_default_dtype())
    parameters = mala.Parameters()
    parameters.manual_seed = None
    parameters.verbosity = 0
    parameters.network.layer_sizes = [
        batch.shape[1],
        *request["hidden_widths"],
        request["outputs"],
    ]
    parameters.network.layer_activations = MODULES[request["activation"]]
    parameters.network.layer_activations_include_output_layer = False
    parameters.hyperparameters.number_training_per_trial = initialisations
    parameters.hyperparameters.trial_ensemble_evaluation = "mean_std"
    parameters.running.mini_batch_size = len(batch)
    parameters.running.use_shuffling_for_samplers = False
    points = torch.utils.data.TensorDataset(batch, torch.zeros(len(batch), request["outputs"]))
    handler = SimpleNamespace(
        parameters=SimpleNamespace(use_lazy_loading=False), training_data_sets=[points]
    )
    return module.ObjectiveNASWOT(parameters, handler, "optuna")


def eigenvalue_sums(request: dict[str, Any]) -> list[float]:
    """S of each given network: MALA's objective is mean + std of S, so of one network it is S."""
    module: Any = importlib.import_module("mala.network.objective_naswot")
    network_type = module.Network
    sums = []
    with np.load(request["weights"]) as arrays:
        weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
    for number in range(request["initialisations"]):

        def given(parameters: Any, number: int = number) -> Any:  # noqa: ANN401
            network = network_type(parameters)
            network.load_state_dict({name: stack[number] for name, stack in weights.items()})
            return network

        module.Network = given
        try:
            sums.append(float(objective_of(request, 1)(fixed_trial())))
        finally:
            module.Network = network_type
    return sums


def seconds(request: dict[str, Any]) -> float:
    """Shortest CPU time of MALA's objective with networks of its own."""
    objective, trial = objective_of(request, request["initialisations"]), fixed_trial()
    times = []
    for _ in range(request["repetitions"]):
        start = time.process_time()
        objective(trial)
        times.append(time.process_time() - start)
    return min(times)


def fixed_trial() -> Any:  # noqa: ANN401
    """A trial without hyperparameters: the architecture is fixed."""
    return importlib.import_module("optuna").trial.FixedTrial({})


def main() -> None:
    """Answer requests until the input ends."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_default_dtype(getattr(torch, request["dtype"]))
        with contextlib.redirect_stdout(io.StringIO()):  # MALA prints its losses
            answer = eigenvalue_sums(request) if "weights" in request else seconds(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
