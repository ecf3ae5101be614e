"""Trainings on the data of a run, as search, audits, contests and the final training share them."""
