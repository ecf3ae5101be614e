"""Seeds for every stage and item, derived from the one seed of the config."""

import hashlib


def derive_seed(root: int, *labels: str | int) -> int:
    """A seed that depends on the root and on what it is for.

    Hashing keeps the streams of neighbouring items independent, which `root + index` does not.

    Parameters
    ----------
    root
        The seed of the config.
    *labels
        Stage, item, repetition: whatever tells this use from all others.

    Returns
    -------
    int
        63-bit non-negative seed, the same on every machine.
    """
    text = "/".join(str(part) for part in (root, *labels))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
