"""Search methods side by side: the table, the verdict and the figures."""
