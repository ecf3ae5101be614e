"""A run as a whole: its jobs, what they need and cost, and what makes them run again."""
