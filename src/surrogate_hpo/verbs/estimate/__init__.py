"""Jobs, cores, memory and time that a run will ask for, before any of it runs."""
