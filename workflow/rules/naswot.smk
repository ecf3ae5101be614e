rule naswot:
    input:
        chunks=expand(
            "results/naswot/chunks/{chunk}.json", chunk=range(CONFIG.naswot.chunks)
        ),
        verdicts=expand("results/{stage}/verdict.json", stage=NASWOT_AUDIT),
    output:
        scores=report(
            "results/naswot/scores.csv",
            caption="../report/scores.rst",
            category="5. Choices",
            labels={"scores of": "architectures"},
        ),
        choice="results/naswot/choice.json",
        cost="results/cost/naswot/all.json",
    log:
        "logs/naswot.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("naswot"),
        runtime=minutes("naswot"),
    params:
        **job("naswot"),
    message:
        asking("architecture chosen by NASWOT, without training")
    shell:
        "surrogate-hpo naswot --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule naswot_chunk:
    input:
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "training"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "training", number=NASWOT_LABELS),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", *NASWOT_HELD_OUT
        ),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", *NASWOT_HELD_OUT),
    output:
        results="results/naswot/chunks/{chunk}.json",
        cost="results/cost/naswot/chunk-{chunk}.json",
    log:
        "logs/naswot/chunk-{chunk}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("naswot_chunk")
    resources:
        mem_mb=memory("naswot_chunk"),
        runtime=minutes("naswot_chunk"),
        gpu=gpus("naswot_chunk"),
    params:
        **job("naswot_chunk"),
        chunks=CONFIG.naswot.chunks,
        # Outside the outputs: Snakemake deletes those of a failed job.
        state="results/state/naswot",
    message:
        asking(
            "architecture chosen by NASWOT, without training, chunk {wildcards.chunk}"
        )
    shell:
        "surrogate-hpo naswot_chunk --config {params.config:q} --threads {threads}"
        " --chunk {wildcards.chunk} {params.files} --state {params.state:q}"
        " --cost {output.cost:q} 2> {log:q}"
