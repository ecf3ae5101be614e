"""Publications on networks, their training and the software of a run, by their key."""

from surrogate_hpo.report.references import Reference

_NEURIPS = "Advances in Neural Information Processing Systems"
_ICLR = "International Conference on Learning Representations"

LEARNING: dict[str, Reference] = {
    "mellor2021": Reference(
        "inproceedings",
        ("Mellor, Joseph", "Turner, Jack", "Storkey, Amos", "Crowley, Elliot J."),
        "Neural Architecture Search without Training",
        2021,
        "International Conference on Machine Learning",
        arxiv="2006.04647",
    ),
    "li2023": Reference(
        "inproceedings",
        ("Li, Guihong", "Yang, Yuedong", "Bhardwaj, Kartikeya", "Marculescu, Radu"),
        "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients",
        2023,
        _ICLR,
        arxiv="2301.11300",
    ),
    "bergstra2011": Reference(
        "inproceedings",
        ("Bergstra, James", "Bardenet, Rémi", "Bengio, Yoshua", "Kégl, Balázs"),
        "Algorithms for Hyper-Parameter Optimization",
        2011,
        _NEURIPS,
        "24",
    ),
    "akiba2019": Reference(
        "inproceedings",
        (
            *("Akiba, Takuya", "Sano, Shotaro", "Yanase, Toshihiko", "Ohta, Takeru"),
            "Koyama, Masanori",
        ),
        "Optuna: A Next-generation Hyperparameter Optimization Framework",
        2019,
        "Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery and "
        "Data Mining",
        pages="2623–2631",
        doi="10.1145/3292500.3330701",
    ),
    "paszke2019": Reference(
        "inproceedings",
        ("Paszke, Adam", "Gross, Sam", "Massa, Francisco", "others"),
        "PyTorch: An Imperative Style, High-Performance Deep Learning Library",
        2019,
        _NEURIPS,
        "32",
        arxiv="1912.01703",
    ),
    "kingma2015": Reference(
        "inproceedings",
        ("Kingma, Diederik P.", "Ba, Jimmy"),
        "Adam: A Method for Stochastic Optimization",
        2015,
        _ICLR,
        arxiv="1412.6980",
    ),
    "loshchilov2019": Reference(
        "inproceedings",
        ("Loshchilov, Ilya", "Hutter, Frank"),
        "Decoupled Weight Decay Regularization",
        2019,
        _ICLR,
        arxiv="1711.05101",
    ),
    "vyas2024": Reference(
        "misc",
        (
            *("Vyas, Nikhil", "Morwani, Depen", "Zhao, Rosie", "Shapira, Itai"),
            *("Brandfonbrener, David", "Janson, Lucas", "Kakade, Sham"),
        ),
        "SOAP: Improving and Stabilizing Shampoo using Adam",
        2024,
        arxiv="2409.11321",
    ),
    "lam2015": Reference(
        "inproceedings",
        ("Lam, Siu Kwan", "Pitrou, Antoine", "Seibert, Stanley"),
        "Numba: a LLVM-based Python JIT compiler",
        2015,
        "Proceedings of the Second Workshop on the LLVM Compiler Infrastructure in HPC",
        doi="10.1145/2833157.2833162",
    ),
    "molder2021": Reference(
        "article",
        ("Mölder, Felix", "Jablonski, Kim Philipp", "Letcher, Brice", "others"),
        "Sustainable data analysis with Snakemake",
        2021,
        "F1000Research",
        "10",
        "33",
        "10.12688/f1000research.29032.2",
    ),
}
"""Key to reference."""
