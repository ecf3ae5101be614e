"""What tables of other materials tell a search: scores, first points, learning rates."""
