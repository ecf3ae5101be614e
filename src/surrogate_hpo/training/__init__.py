"""Trainings of networks on the data of a run: what search, audits, contests and the final training share."""
