rule audit:
    input:
        chunks=expand(
            "results/audit/chunks/{chunk}.json", chunk=range(CONFIG.audit.chunks)
        ),
    output:
        scores="results/audit/scores.csv",
        agreement="results/audit/agreement.csv",
        verdict="results/audit/verdict.json",
        cost="results/cost/audit/all.json",
    log:
        "logs/audit.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("audit"),
        runtime=minutes("audit"),
    params:
        **job("audit"),
    message:
        asking("training-free scores against trained networks")
    shell:
        "surrogate-hpo audit --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule audit_chunk:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
    output:
        results="results/audit/chunks/{chunk}.json",
        cost="results/cost/audit/chunk-{chunk}.json",
    log:
        "logs/audit/chunk-{chunk}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("audit_chunk")
    resources:
        mem_mb=memory("audit_chunk"),
        runtime=minutes("audit_chunk"),
        gpu=gpus("audit_chunk"),
    params:
        **job("audit_chunk"),
        chunks=CONFIG.audit.chunks,
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/audit",
    message:
        asking("training-free scores against trained networks, chunk {wildcards.chunk}")
    shell:
        "surrogate-hpo audit_chunk --config {params.config:q} --threads {threads}"
        " --chunk {wildcards.chunk} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"


rule audit_figure:
    input:
        scores="results/audit/scores.csv",
        agreement="results/audit/agreement.csv",
    output:
        figure=report(
            "results/audit/figure.svg",
            caption="../report/audit.rst",
            category="6. Audits",
            labels={"audit of": "scores of architectures"},
        ),
        figure_pdf="results/audit/figure.pdf",
        figure_table="results/audit/figure.csv",
        cost="results/cost/audit/figure.json",
    log:
        "logs/audit/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("audit_figure"),
        runtime=minutes("audit_figure"),
    params:
        **job("audit_figure"),
    message:
        asking("figure of audit")
    shell:
        "surrogate-hpo audit_figure --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"
