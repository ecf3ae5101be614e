"""The device that a stage computes on."""

import os

import torch

from surrogate_hpo.errors import EngineError


def device_name(*, use_gpu: bool) -> str:
    """Name of the device for torch.

    Parameters
    ----------
    use_gpu
        The setting of the stage's section.

    Returns
    -------
    str
        `cuda` or `cpu`.

    Raises
    ------
    EngineError
        If a GPU is asked for and torch sees none.
    """
    if not use_gpu:
        return "cpu"
    if not torch.cuda.is_available():
        build = torch.version.cuda
        raise EngineError(
            "there is no CUDA device",
            where="use_gpu: true, in the config section of this stage",
            got=f"torch {torch.__version__} {f'for CUDA {build}' if build else 'without CUDA'}, "
            f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}",
            remedy="use_gpu: false, or a machine whose GPU `nvidia-smi` shows; on a cluster, "
            "a partition with GPUs in profiles/slurm/partitions.yaml",
        )
    return "cuda"
