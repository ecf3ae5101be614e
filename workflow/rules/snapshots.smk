rule snapshots:
    input:
        own_files,
    output:
        structure="results/snapshots/{snapshot}.extxyz",
        cost="results/cost/snapshots/{snapshot}.json",
    log:
        "logs/snapshots/{snapshot}.log",
    wildcard_constraints:
        # Those of the rounds are chosen.
        snapshot="|".join(CONFIG.snapshots.all_names()),
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("snapshots"),
        runtime=minutes("snapshots"),
    params:
        **job("snapshots"),
        own=contents(own_files),
    message:
        asking("atomic configuration {wildcards.snapshot}")
    shell:
        "surrogate-hpo snapshots --config {params.config:q}"
        " --snapshot {wildcards.snapshot} {params.files} --cost {output.cost:q}"
        " 2> {log:q}"
