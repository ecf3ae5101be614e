rule descriptors:
    input:
        structure="results/snapshots/{snapshot}.extxyz",
        dft="results/dft/{snapshot}.json",
        acsd="results/acsd/choice.json",
    output:
        descriptors="results/descriptors/{snapshot}.zarr.zip",
        cost="results/cost/descriptors/{snapshot}.json",
    log:
        "logs/descriptors/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("descriptors")
    resources:
        mem_mb=memory("descriptors"),
        runtime=minutes("descriptors"),
        gpu=gpus("descriptors"),
    params:
        **job("descriptors"),
    message:
        asking("SNAP descriptors on the grid of {wildcards.snapshot}")
    shell:
        "surrogate-hpo descriptors --config {params.config:q} --threads {threads}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"
