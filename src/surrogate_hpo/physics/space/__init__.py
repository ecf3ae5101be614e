"""Parts, cuts, averages and surfaces of fields on the grid of a periodic cell."""
