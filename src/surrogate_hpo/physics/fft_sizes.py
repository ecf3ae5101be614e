"""Numbers of grid points whose Fourier transforms are fast."""

from itertools import count


def good_fft_size(least: int) -> int:
    """Find the first integer from `least` on without prime factors above 5."""
    found: int = next(n for n in count(max(1, least)) if _rest(n) == 1)
    return found


def _rest(number: int) -> int:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number
