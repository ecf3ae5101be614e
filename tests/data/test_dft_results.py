"""The JSON of a DFT run: what a stage needs may not be null."""

import pytest
from finished_data import result_of, write_snapshot

from surrogate_hpo.data.dft_results import result_as_document, result_from_document
from surrogate_hpo.errors import DataError


@pytest.mark.parametrize("key", ["cell_angstrom", "positions_angstrom"])
def test_a_structure_that_is_null_is_named(tmp_path, key):
    result = result_of(write_snapshot(tmp_path, shape=(4, 4, 4)))
    document = result_as_document(result) | {key: None}
    with pytest.raises(DataError, match=r"(?s)not the result.*where: a\.json.*may not be unknown"):
        result_from_document(document, where="a.json")
