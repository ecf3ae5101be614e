rule table:
    input:
        chunks=expand(
            "results/table/chunks/{chunk}.json", chunk=range(CONFIG.table.chunks)
        ),
    output:
        table="results/table/table.csv",
        description="results/table/table.json",
        cost="results/cost/table/all.json",
    log:
        "logs/table.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("table"),
        runtime=minutes("table"),
    params:
        **job("table"),
    message:
        asking("table of trained networks")
    shell:
        "surrogate-hpo table --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule table_chunk:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training"),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", "validation"
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", "validation"),
        structures=of("results/snapshots/{snapshot}.extxyz", *TABLE_JUDGED),
        dft=of("results/dft/{snapshot}.json", *TABLE_JUDGED),
        pseudopotentials=UPF_FILES if TABLE_JUDGED else [],
    output:
        results="results/table/chunks/{chunk}.json",
        cost="results/cost/table/chunk-{chunk}.json",
    log:
        "logs/table/chunk-{chunk}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    # One: the compute of trainings is what is recorded, and more threads waste some of it.
    threads: cores("table_chunk")
    resources:
        mem_mb=memory("table_chunk"),
        runtime=minutes("table_chunk"),
        gpu=gpus("table_chunk"),
    params:
        **job("table_chunk"),
        chunks=CONFIG.table.chunks,
        own=contents(UPF_FILES if TABLE_JUDGED else []),
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/table",
    message:
        asking("table of trained networks, chunk {wildcards.chunk}")
    shell:
        "surrogate-hpo table_chunk --config {params.config:q} --threads {threads}"
        " --chunk {wildcards.chunk} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"
