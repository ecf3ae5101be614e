"""The processes that share the batches of one training."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from surrogate_hpo.errors import DataError


@dataclass(frozen=True)
class Group:
    """Place of this process among those that train one network together.

    Each takes its piece of every batch; sums over the pieces make them take the same step. With
    more than one process, `torch.distributed` must be initialised.

    Attributes
    ----------
    rank
        Number of this process, from 0.
    size
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    def piece(self, rows: Tensor) -> Tensor:
        """Return this process' part of some rows; it is empty if they are too few."""
        return rows if self.size == 1 else rows.tensor_split(self.size)[self.rank]

    def add(self, values: Tensor) -> Tensor:
        """Add a tensor up over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def add_gradients(self, network: nn.Module) -> None:
        """Add the gradients of all processes up, as one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        together = self.add(torch.cat([gradient.flatten() for gradient in gradients]))
        begin = 0
        for gradient in gradients:
            end = begin + gradient.numel()
            gradient.copy_(together[begin:end].view_as(gradient))
            begin = end

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in one process or more; the same answer in all."""
        return flag if self.size == 1 else bool(self.add(torch.tensor(int(flag))))

    def wait(self) -> None:
        """Wait until all processes are here."""
        self.any(False)

    def check_equal(self, network: nn.Module) -> None:
        """Make sure that all processes have the same weights, to the last bit.

        Parameters
        ----------
        network
            The network, in each process.

        Raises
        ------
        DataError
            They differ: a processor has made a mistake, or the processors are not alike.
        """
        if self.size == 1:
            return
        weights = torch.cat([p.detach().flatten() for p in network.parameters()])
        lowest, highest = weights.clone(), weights.clone()
        dist.all_reduce(lowest, dist.ReduceOp.MIN)
        dist.all_reduce(highest, dist.ReduceOp.MAX)
        if not torch.equal(lowest.nan_to_num(), highest.nan_to_num()):
            raise DataError(
                "The processes of the training no longer have the same weights.",
                expected="the same to the last bit, as all take the same steps",
                got=f"differences up to {float((highest - lowest).abs().max()):g}",
                remedy="train with one process, and see whether the devices are all of one kind",
            )


ALONE = Group()
