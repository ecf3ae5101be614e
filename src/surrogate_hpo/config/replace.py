"""Settings that one call takes instead of the config's."""

from typing import TypeVar

from pydantic import ValidationError

from surrogate_hpo.config.base import Section
from surrogate_hpo.errors import ConfigError

AnySection = TypeVar("AnySection", bound=Section)


def replaced(section: AnySection, **changes: object) -> AnySection:
    """Replace settings of a section, checked as those of the config are.

    Parameters
    ----------
    section
        The section as configured.
    **changes
        New values by key.

    Returns
    -------
    Section
        A section with the new values.

    Raises
    ------
    ConfigError
        If the new values make no sense.
    """
    try:
        return type(section).model_validate(section.model_dump() | changes)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors(include_url=False)
        ]
        raise ConfigError(
            "an option given instead of a setting of the config makes no sense",
            where=", ".join(changes),
            expected="; ".join(faults),
            got=", ".join(repr(value) for value in changes.values()),
        ) from error
