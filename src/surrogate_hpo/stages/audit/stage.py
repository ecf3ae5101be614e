"""Audit: training-free scores of architectures against the error of trained networks."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.run.interface import AuditState, DescriptorStores, LdosStores, Output
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.evaluations import audited, evaluate
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.audit.tables import agreement_rows, score_rows, verdict_document


def audit(
    *,
    settings: AuditSettings,
    seed: int,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    scores: Annotated[
        Path, Output("CSV: a row per architecture and score, beside the trained error (scaled)")
    ],
    agreement: Annotated[
        Path, Output("CSV: a row per score and group: Kendall τ, Spearman ρ, regret, cost")
    ],
    verdict: Annotated[Path, Output("JSON: what each score is worth here, and how to read it")],
    state: AuditState,
) -> None:
    """Draw architectures, train each briefly from several seeds, and compare with every score.

    The error is the validation loss of the scaled LDOS after the fixed recipe of the
    settings. A killed audit goes on after its last training and ends with the same numbers;
    what `audit_chunk` has done before is found done.
    """
    inputs = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("audit", settings, seed, inputs)
    folder = shared_state(state, record, helper="audit_chunk")
    found, errors = evaluate(
        audited(settings, seed),
        read_points(descriptors, ldos),
        read_points(validation_descriptors, validation_ldos),
        folder,
        settings=settings,
        seed=seed,
    )
    rows = score_rows(found, errors)
    groups = agreement_rows(
        rows, seed=derive_seed(seed, "audit", "bootstrap"), resamples=settings.resamples
    )
    write_table(scores, rows)
    write_table(agreement, groups)
    write_document(verdict, verdict_document(groups, errors) | {"provenance": record})
    shutil.rmtree(folder)
