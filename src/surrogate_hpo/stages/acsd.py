"""ACSD: choose the descriptor (cutoff radius, 2 J_max) without training."""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np

from surrogate_hpo.config.acsd import AcsdSettings
from surrogate_hpo.descriptors.elements import element_parameters
from surrogate_hpo.descriptors.triples import nested_columns
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.similarities import SimilarityData, write_similarities
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.selection.acsd import cosine_similarities
from surrogate_hpo.selection.acsd_choice import Choice, choose
from surrogate_hpo.selection.acsd_scores import Draw, candidate_similarities, score_candidates
from surrogate_hpo.selection.acsd_table import ScoreTable
from surrogate_hpo.selection.refine import finer_radii
from surrogate_hpo.stages.acsd_points import sample_snapshots
from surrogate_hpo.stages.interface import Input, Option, Output, Structures

logger = logging.getLogger(__name__)
