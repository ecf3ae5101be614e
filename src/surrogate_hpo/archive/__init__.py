"""One file that holds a whole run, and what is needed to check and to repeat it."""
