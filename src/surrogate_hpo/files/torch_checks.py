"""Torch files of somebody else: what they hold is looked at before and after torch loads them.

torch's own protection is against code, not against size: a few bytes may stand for a terabyte, as a
compressed entry, as a tensor of stride zero, or as the argument of a constructor.
"""

import pickle
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from surrogate_hpo import limits

# All that `torch.save` writes of tensors, numbers, texts, lists and dicts.
_NAMES = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch Size|"
    r"torch \w*Storage|torch\.storage UntypedStorage|torch b?float\d+|torch u?int\d+|torch bool"
)
_NAMED = {"GLOBAL"}
_OBJECTS = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}
# Numbers of more digits than 64 bits have; each byte of one is four digits to compare.
_LONGEST_INTEGER = 16


def check_container(path: Path) -> None:
    """Check entries, sizes and checksums of a torch file.

    Torch writes checksums but never looks, and takes changed weights for weights.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    BadZipFile
        If it is no torch file, part of it has changed since it was written, or an entry is
        compressed, which torch never does.
    UnpicklingError
        If it names anything but tensors and plain data.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > limits.CONTAINER_ENTRIES:
            raise zipfile.BadZipFile(f"{len(entries)} entries")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise zipfile.BadZipFile(f"{entry.filename} is compressed")
        # Entries that overlap would each be read in full.
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise zipfile.BadZipFile("entries of more bytes than the file has")
        damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} is not what its checksum says")
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                if entry.file_size > limits.PICKLE_BYTES:
                    raise zipfile.BadZipFile(f"{entry.filename} of {entry.file_size} bytes")
                _check_pickle(archive.read(entry))


def _check_pickle(content: bytes) -> None:
    for code, argument, _ in pickletools.genops(content):
        if code.name in _OBJECTS or (code.name in _NAMED and not _NAMES.fullmatch(str(argument))):
            raise pickle.UnpicklingError(f"{code.name} {argument}")
        if isinstance(argument, int) and argument.bit_length() > 8 * _LONGEST_INTEGER:
            raise pickle.UnpicklingError("a number of too many digits")


def check_tensors(state: Any) -> None:  # noqa: ANN401 (what a file holds)
    """Raise ValueError unless every tensor is as large as the bytes that it has, and dense."""
    seen: set[int] = set()
    waiting = [state]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            _check_tensor(value)
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value


def _check_tensor(tensor: torch.Tensor) -> None:
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise ValueError(f"a tensor of layout {tensor.layout} on {tensor.device}")
    held = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > held:
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} in {held} bytes")
