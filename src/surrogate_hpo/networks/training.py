"""Training of a network on scaled descriptors and LDOS, resumable to the last bit.

The order of the points depends on the seed and the epoch alone, so a run that was
interrupted after any batch and resumed from `Trainer.state_dict` ends with the same weights
as one that was not.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.batches import Batch, TrainingSource
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms, SnapshotBatch
from surrogate_hpo.networks.group import ALONE, Group
from surrogate_hpo.networks.history import (
    HistoryRow,
    check_same_training,
    copy_weights,
    divergence,
    load_weights,
)
from surrogate_hpo.networks.losses import group_loss, ldos_error, normalised_weights
from surrogate_hpo.networks.recipe import Recipe, build_optimiser


class Trainer:
    """Trains one network, epoch by epoch.

    Parameters
    ----------
    network
        Network to train; moved to `device` and changed in place.
    data
        Scaled data.
    recipe
        Optimisation hyperparameters.
    seed
        Seed of the order of the training points.
    device
        Device to train on, such as ``cpu`` or ``cuda``.
    energy_weights
        Shape (energies,): relative weight of each energy's squared error, normalised here
        to a mean of one; ones if left out.
    error_weights
        Shape (energies,): factors on the squared errors of the validation alone, which turn
        them into units that do not depend on the scaling; ones if left out.
    group
        The processes that share the training: the same network, data, recipe and seed in all.
        Losses and steps are those of whole batches, to rounding, whatever their number.
    energy_terms
        Whole training snapshots with their free energies and forces: steps then take these
        instead of the training points of `data`. The losses of the history are those of the
        LDOS alone.

    Raises
    ------
    DataError
        Weights that do not fit the energies, or are negative or all zero.
    """

    def __init__(
        self,
        network: nn.Module,
        data: TrainingSource,
        recipe: Recipe,
        *,
        seed: int,
        device: str | torch.device = "cpu",
        energy_weights: Tensor | None = None,
        error_weights: Tensor | None = None,
        group: Group = ALONE,
        energy_terms: EnergyTerms | None = None,
    ) -> None:
        self.network = network.to(device)
        self.recipe = recipe
        self.group = group
        self.history: list[HistoryRow] = []
        self._data = data.to(device)
        self._energy_terms = energy_terms and energy_terms.to(device)
        self._seed = seed
        self._weights = normalised_weights(energy_weights, self._data.targets_like)
        self._validation_weights = self._weights
        if error_weights is not None:
            ones = 1.0 if self._weights is None else self._weights
            self._validation_weights = error_weights.to(self._data.targets_like) * ones
        self._optimiser = build_optimiser(recipe, self.network)
        self._best = copy_weights(self.network.state_dict())
        self._batch = 0
        # In float64 on the device: no wait in each step.
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    @property
    def position(self) -> str:
        """How far the training is, in words."""
        return f"epoch {len(self.history) + 1}, batch {self._batch}"

    @property
    def best_row(self) -> HistoryRow | None:
        """The epoch of the lowest validation loss so far, the first of equals."""
        return min(self.history, key=lambda row: row.validation_loss, default=None)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or the validation loss has stopped falling."""
        if self.best_row is None:
            return False
        done = len(self.history)
        stops_early = self.recipe.schedule == "constant"
        stale = stops_early and done - self.best_row.epoch >= self.recipe.patience
        return done >= self.recipe.maximum_epochs or stale

    def run(
        self,
        on_epoch: Callable[[HistoryRow], None] | None = None,
        on_batch: Callable[[], None] = lambda: None,
    ) -> HistoryRow:
        """Train until finished, then give the network the weights that the schedule chooses.

        Parameters
        ----------
        on_epoch
            Called after each epoch: to show progress, to store a checkpoint, or to stop
            the training by an exception.
        on_batch
            Called after each batch of training or validation, for the same purposes.

        Returns
        -------
        HistoryRow
            The epoch whose weights the network now has: the last one of an annealed training,
            the best one of a training that follows the validation loss.

        Raises
        ------
        DivergenceError
            The loss is no longer finite.
        """
        while not self.finished:
            row = self.train_epoch(on_batch)
            if on_epoch is not None:
                on_epoch(row)
        best = self.best_row
        assert best is not None  # noqa: S101 - `finished` is false without a row
        if self.recipe.schedule == "cosine":
            return self.history[-1]
        self.network.load_state_dict(self._best)
        return best

    def train_epoch(self, on_batch: Callable[[], None] = lambda: None) -> HistoryRow:
        """Train to the end of the epoch and measure the validation loss.

        Parameters
        ----------
        on_batch
            Called after each batch of training or validation.

        Returns
        -------
        HistoryRow
            The epoch's row, also appended to `history`.

        Raises
        ------
        DivergenceError
            The loss is no longer finite.
        """
        epoch = len(self.history)
        learning_rate = self._learning_rate(epoch, 0.0)
        try:
            training_loss = self._pass_over_training_points(epoch, on_batch)
            self.group.check_equal(self.network)
            validation_loss = self._validation_loss(on_batch)
        except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
            # The preconditioner meets gradients that are not finite before the loss is read.
            raise divergence(epoch + 1, learning_rate, math.nan, math.nan) from error
        if not (math.isfinite(training_loss) and math.isfinite(validation_loss)):
            raise divergence(epoch + 1, learning_rate, training_loss, validation_loss)
        row = HistoryRow(epoch + 1, learning_rate, training_loss, validation_loss)
        self.history.append(row)
        self._batch = 0
        self._loss_sum.zero_()
        if self.best_row is row:
            self._best = copy_weights(self.network.state_dict())
        return row

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on: tensors, numbers and strings."""
        return {
            "seed": self._seed,
            "recipe": self.recipe.to_dict(),
            "history": [asdict(row) for row in self.history],
            "batch": self._batch,
            "loss_sum": float(self._loss_sum),
            "network": copy_weights(self.network.state_dict()),
            "best": copy_weights(self._best),
            "optimiser": copy.deepcopy(self._optimiser.state_dict()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned after some batch.

        Parameters
        ----------
        state
            A checkpoint of a trainer with the same recipe, seed and data.

        Raises
        ------
        DataError
            The checkpoint belongs to another recipe or seed, or another network.
        """
        check_same_training(state, seed=self._seed, recipe=self.recipe)
        load_weights(self.network, state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._best = copy_weights(state["best"])
        self.history = [HistoryRow(**row) for row in state["history"]]
        self._batch = state["batch"]
        self._loss_sum.fill_(state["loss_sum"])

    def _learning_rate(self, epoch: int, part: float) -> float:
        reductions = self.recipe.reductions(row.validation_loss for row in self.history)
        return self.recipe.learning_rate_at((epoch + part) / self.recipe.maximum_epochs, reductions)

    def _pass_over_training_points(self, epoch: int, on_batch: Callable[[], None]) -> float:
        batches, count = self._steps(epoch)
        for batch in batches:
            for group in self._optimiser.param_groups:
                group["lr"] = self._learning_rate(epoch, self._batch / count)
            loss, ldos_loss = self._losses(batch, epoch, self._batch / count)
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.group.add_gradients(self.network)
            self._optimiser.step()
            self._loss_sum += ldos_loss * batch.points
            self._batch += 1
            on_batch()
        source = self._energy_terms or self._data
        return float(self._loss_sum) / source.training_points

    def _steps(self, epoch: int) -> tuple[Iterator[Batch] | Iterator[SnapshotBatch], int]:
        """What is left of the epoch, and the number of all of its steps."""
        size, seed, start = self.recipe.batch_size, self._seed, self._batch
        if self._energy_terms is not None:
            steps = self._energy_terms.batches(size, seed=seed, epoch=epoch, start=start)
            return steps, self._energy_terms.batch_count(size)
        order = {"batch_size": size, "seed": seed, "epoch": epoch}
        count = self._data.batch_count(**order)
        return self._data.training_batches(**order, start=start, group=self.group), count

    def _losses(
        self, batch: Batch | SnapshotBatch, epoch: int, part: float
    ) -> tuple[Tensor, Tensor]:
        """Loss of a step, and that of the LDOS alone without gradient."""
        if isinstance(batch, Batch):
            loss = self._training_loss(batch)
            return loss, loss.detach()
        assert self._energy_terms is not None  # noqa: S101 - it has made the batch
        progress = (epoch + part) / self.recipe.maximum_epochs
        loss, ldos_loss = self._energy_terms.losses(
            self.network,
            batch,
            progress=progress,
            seed=self._seed,
            dos_weight=self.recipe.dos_weight,
        )
        # All processes do the same, and their gradients are added up.
        return loss / self.group.size, ldos_loss

    def _training_loss(self, batch: Batch) -> Tensor:
        mixed = self.recipe.mixed_precision
        with torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=mixed):
            prediction = self.network(batch.inputs)
        prediction = prediction.to(batch.targets.dtype)
        return group_loss(
            prediction,
            batch.targets,
            points=batch.points,
            group=self.group,
            weights=self._weights,
            dos_weight=self.recipe.dos_weight,
        )

    @torch.no_grad()
    def _validation_loss(self, on_batch: Callable[[], None]) -> float:
        total = 0.0
        for chunks in self._data.validation_rounds(self.group):
            for x, y in chunks:
                total += float(ldos_error(self.network(x), y, self._validation_weights)) * len(x)
            on_batch()
        whole = self.group.add(torch.tensor(total, dtype=torch.float64))
        return float(whole) / self._data.validation_points
