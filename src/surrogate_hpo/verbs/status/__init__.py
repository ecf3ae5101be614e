"""How far a run is: jobs done, running, failed and waiting, from its files and Slurm's queue."""
