rule knoise:
    input:
        records=noise_records,
    output:
        summary="results/knoise/summary.json",
        table="results/knoise/knoise.csv",
        cost="results/cost/knoise/all.json",
    log:
        "logs/knoise.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("knoise"),
        runtime=minutes("knoise"),
    params:
        **job("knoise"),
    message:
        asking("noise of the labels by the mesh of k points")
    shell:
        "surrogate-hpo knoise --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"


rule knoise_snapshot:
    input:
        structure="results/snapshots/{snapshot}.extxyz",
        dft="results/dft/{snapshot}.json",
        ldos="results/ldos/{snapshot}.zarr.zip",
        pseudopotentials=UPF_FILES,
    output:
        record="results/knoise/{snapshot}.json",
        cost="results/cost/knoise/{snapshot}.json",
    log:
        "logs/knoise/{snapshot}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("knoise_snapshot")
    resources:
        mem_mb=memory("knoise_snapshot"),
        runtime=minutes("knoise_snapshot"),
    params:
        **job("knoise_snapshot"),
        own=contents(UPF_FILES),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/knoise",
    message:
        asking("{wildcards.snapshot} with a denser mesh of k points")
    shell:
        "surrogate-hpo knoise_snapshot --config {params.config:q} --threads {threads}"
        " --snapshot {wildcards.snapshot} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"
