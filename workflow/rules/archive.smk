rule archive:
    input:
        rules.all.input,
        costs(*STAGES, *NASWOT_AUDIT, *ROUNDS),
    output:
        archive="results/archive.tar.zst",
        cost="results/cost/archive/all.json",
    log:
        "logs/archive.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("archive"),
        runtime=minutes("archive"),
    params:
        **job("archive"),
        # A commit that touches no stage reruns nothing, but it is another source.
        revision=source_revision,
        source=source,
    message:
        asking("the run in one file")
    shell:
        "surrogate-hpo archive --config {params.config:q} --source {params.source:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"
