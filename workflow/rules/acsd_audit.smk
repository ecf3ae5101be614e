rule acsd_audit:
    input:
        acsd_scores="results/acsd/scores.csv",
        acsd_choice="results/acsd/choice.json",
        chunks=expand(
            "results/acsd_audit/chunks/{chunk}.json",
            chunk=range(CONFIG.acsd_audit.chunks),
        ),
    output:
        candidates="results/acsd_audit/candidates.csv",
        verdict="results/acsd_audit/verdict.json",
        cost="results/cost/acsd_audit/all.json",
    log:
        "logs/acsd_audit.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("acsd_audit"),
        runtime=minutes("acsd_audit"),
    params:
        **job("acsd_audit"),
    message:
        asking("scores of descriptors against trained networks")
    shell:
        "surrogate-hpo acsd_audit --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule acsd_audit_chunk:
    input:
        acsd_scores="results/acsd/scores.csv",
        acsd_choice="results/acsd/choice.json",
        structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_structures=of("results/snapshots/{snapshot}.extxyz", "validation"),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
    output:
        results="results/acsd_audit/chunks/{chunk}.json",
        cost="results/cost/acsd_audit/chunk-{chunk}.json",
    log:
        "logs/acsd_audit/chunk-{chunk}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("acsd_audit_chunk")
    resources:
        mem_mb=memory("acsd_audit_chunk"),
        runtime=minutes("acsd_audit_chunk"),
        gpu=gpus("acsd_audit_chunk"),
    params:
        **job("acsd_audit_chunk"),
        chunks=CONFIG.acsd_audit.chunks,
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/acsd_audit",
    message:
        asking(
            "scores of descriptors against trained networks, chunk {wildcards.chunk}"
        )
    shell:
        "surrogate-hpo acsd_audit_chunk --config {params.config:q}"
        " --threads {threads} --chunk {wildcards.chunk} {params.files}"
        " --state {params.state:q} --cost {output.cost:q} 2> {log:q}"


rule acsd_audit_figure:
    input:
        candidates="results/acsd_audit/candidates.csv",
        verdict="results/acsd_audit/verdict.json",
    output:
        figure=report(
            "results/acsd_audit/figure.svg",
            caption="../report/audit.rst",
            category="6. Audits",
            labels={"audit of": "scores of descriptors"},
        ),
        figure_pdf="results/acsd_audit/figure.pdf",
        figure_table="results/acsd_audit/figure.csv",
        cost="results/cost/acsd_audit/figure.json",
    log:
        "logs/acsd_audit/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("acsd_audit_figure"),
        runtime=minutes("acsd_audit_figure"),
    params:
        **job("acsd_audit_figure"),
    message:
        asking("figure of acsd_audit")
    shell:
        "surrogate-hpo acsd_audit_figure --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"
