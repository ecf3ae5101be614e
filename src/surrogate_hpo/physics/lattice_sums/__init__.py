"""Sums over ions and their images: pairs within a distance, wave vectors by Fourier transform."""
