"""All scores of architectures by name."""

from surrogate_hpo.scores.architectures.activation_patterns import ActivationPatterns
from surrogate_hpo.scores.architectures.gradient_statistics import GradientStatistics
from surrogate_hpo.scores.architectures.naswot import Naswot, OriginalNaswot
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.parameter_count import ParameterCount
from surrogate_hpo.scores.architectures.proxy import Proxy
from surrogate_hpo.scores.architectures.readout import Readout
from surrogate_hpo.scores.architectures.short_training import ShortTraining

PROXIES: dict[ProxyName, Proxy] = {
    proxy.name: proxy
    for proxy in (
        Naswot(),
        OriginalNaswot(),
        ActivationPatterns(),
        GradientStatistics(),
        ParameterCount(),
        Readout(),
        ShortTraining(),
    )
}
