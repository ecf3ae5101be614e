rule snapshots:
    message:
        "atomic configuration {wildcards.snapshot}"
    input:
        own_files,
    output:
        structure="results/snapshots/{snapshot}.extxyz",
        cost="results/cost/snapshots/{snapshot}.json",
    params:
        settings=settings("snapshots"),
        code=code_digest("snapshots"),
    log:
        "logs/snapshots/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "surrogate-hpo snapshots --config {CONFIG_FILES:q} --snapshot {wildcards.snapshot}"
        " --structure {output.structure:q} --cost {output.cost:q} 2> {log:q}"
