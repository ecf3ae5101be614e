"""All search methods by name."""

from surrogate_hpo.contest.methods.direct import DirectSearch
from surrogate_hpo.contest.methods.filtered_halving import FilteredHalving
from surrogate_hpo.contest.methods.hyperband import Hyperband
from surrogate_hpo.contest.methods.interface import Method
from surrogate_hpo.contest.methods.naswot_fixed import NaswotFixed
from surrogate_hpo.contest.methods.naswot_optimised import NaswotOptimised
from surrogate_hpo.contest.methods.naswot_pruner import NaswotPruner
from surrogate_hpo.contest.methods.orthogonal_array import OrthogonalArray
from surrogate_hpo.contest.methods.random_search import RandomSearch
from surrogate_hpo.contest.methods.swarm import Swarm
from surrogate_hpo.contest.methods.swarm_two_stage import SwarmTwoStage
from surrogate_hpo.contest.methods.tpe import Tpe, TpeDefault, TpeParallel
from surrogate_hpo.search.options import MethodName

METHODS: dict[MethodName, Method] = {
    "direct": DirectSearch(),
    "random": RandomSearch(),
    "tpe": Tpe(),
    "naswot_pruner": NaswotPruner(),
    "orthogonal_array": OrthogonalArray(),
    "naswot_fixed": NaswotFixed(),
    "naswot_optimised": NaswotOptimised(),
    "swarm": Swarm(),
    "swarm_two_stage": SwarmTwoStage(),
    "hyperband": Hyperband(),
    "filtered_halving": FilteredHalving(),
    "tpe_default": TpeDefault(),
    "tpe_parallel": TpeParallel(),
}
