"""From a path to the finished calculation that lies there, by the names of files."""

from pathlib import Path

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.finished.calculation import FinishedCalculation
from surrogate_hpo.formats.finished.espresso import EspressoCalculation, xml_files
from surrogate_hpo.formats.finished.mala import MalaCalculation, mala_files

FORMS = (
    "a folder of Quantum ESPRESSO (<prefix>.save, or what holds it), its XML file, "
    "or a MALA snapshot (NAME.info.json, NAME.out.npy or NAME.out.h5)"
)


def open_finished(path: Path | str) -> FinishedCalculation:
    """Recognise a finished calculation.

    Parameters
    ----------
    path
        A `<prefix>.save` folder of Quantum ESPRESSO, the folder that holds exactly one, the XML
        file in it; or `NAME.info.json` of a MALA data set, or the array beside it.

    Returns
    -------
    FinishedCalculation
        Opened by names: no file has been read.

    Raises
    ------
    DataError
        Nothing is there, nothing that is known, or several calculations.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("the finished calculation does not exist", where=str(path), expected=FORMS)
    if not path.is_dir():
        if path.suffix == ".xml":
            return EspressoCalculation(path)
        if mala := mala_files(path):
            return MalaCalculation(*mala)
        raise DataError(
            "the file is not of a finished calculation that is known",
            where=str(path),
            expected=FORMS,
            remedy="see docs/howto/own-data.md for what is recognised, and by what",
        )
    found = xml_files(path)
    if len(found) != 1:
        raise DataError(
            "the folder does not hold one finished calculation of Quantum ESPRESSO",
            where=str(path),
            expected="one <prefix>.save with data-file-schema.xml in it",
            got=", ".join(str(xml.relative_to(path)) for xml in found) or "none",
            remedy="name the folder <prefix>.save itself, or run pw.x until it ends",
        )
    return EspressoCalculation(found[0])
