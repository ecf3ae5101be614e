"""Results that are made once: whoever asks again, also after a kill, is given the same.

The one memo of scores, brief trainings and the evaluations of search methods. What it remembers
lies in a store that outlives the process, or in the files that the chunks of a stage have written.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from surrogate_hpo.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = TypeVar("Result", bound="DataclassInstance")
Records = MutableMapping[str, dict[str, Any]]


class Memo(Generic[Result]):
    """Results of one kind by key.

    Parameters
    ----------
    kind
        Their dataclass. Its fields are numbers, NaN and infinities among them, texts, tuples and
        dictionaries of these, or dataclasses of such fields.
    store
        Records by key, such as :class:`surrogate_hpo.files.evaluations.EvaluationStore`. Results of
        other kinds may lie there too, under other keys.
    """

    def __init__(self, kind: type[Result], store: Records) -> None:
        self._kind = TypeAdapter(kind)
        self._store = store

    def remember(self, key: str, make: Callable[[], Result]) -> Result:
        """Return what was made under this key before, to the last bit, or make and store it.

        Parameters
        ----------
        key
            Names the result and what decides it.
        make
            Makes it.

        Returns
        -------
        Result
            As it was when it was made.

        Raises
        ------
        DataError
            What is stored under the key is something else.
        """
        if key not in self._store:
            self._store[key] = asdict(make())
        return self.recall(key)

    def recall(self, key: str) -> Result:
        """Return what was made under this key before.

        Parameters
        ----------
        key
            Names the result.

        Returns
        -------
        Result
            As it was when it was made.

        Raises
        ------
        DataError
            Nothing is stored under the key, or something else.
        """
        try:
            return self._kind.validate_python(self._store[key])
        except (KeyError, ValidationError) as error:
            raise DataError(
                "A stored result cannot be read.",
                where=key,
                expected="what an earlier job, or this one before it was stopped, has made",
                got="nothing" if isinstance(error, KeyError) else repr(self._store[key]),
                remedy="Delete what holds it; it will be made again.",
            ) from error
