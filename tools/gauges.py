"""Gauges of the house, for anyone to run: `python tools/gauges.py`.

Lines of code are lines that hold code: no blank lines, comments or docstrings.
"""

import ast
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "surrogate_hpo"
MOST_MODULES, MOST_LINES, LONGEST_FUNCTION = 20, 300, 60


def python_files(folder: Path) -> list[Path]:
    """Python files below a folder, in order."""
    return sorted(folder.rglob("*.py"))


def code_lines(path: Path) -> int:
    """Lines of a file that hold code."""
    tree = ast.parse(path.read_bytes())
    told = {line for node in ast.walk(tree) for line in _docstring_lines(node)}
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type not in layout | {tokenize.ENCODING, tokenize.ENDMARKER}:
                lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - told)


def _docstring_lines(node: ast.AST) -> Iterator[int]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)


def long_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Functions of a file whose body is longer than it should be.

    Neither docstring nor signature counts: that of a stage is its command line.
    """
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1 if ast.get_docstring(node, clean=False) is not None else 0 :]
            length = (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 0
            if length > LONGEST_FUNCTION:
                yield f"{path.relative_to(PACKAGE)}: {node.name}", length


def main() -> int:
    """Print the gauges; 1 if one is exceeded."""
    files = python_files(PACKAGE)
    code = {path: code_lines(path) for path in files}
    tests = sum(map(code_lines, python_files(ROOT / "tests")))
    core = sum(code.values())
    physical = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    modules = {
        f: len([p for p in f.glob("*.py") if p.name != "__init__.py"])
        for f in PACKAGE.rglob("*")
        if f.is_dir()
    }
    faults = [
        f"{f.relative_to(PACKAGE)}: {n} modules" for f, n in modules.items() if n > MOST_MODULES
    ]
    faults += [
        f"{p.relative_to(PACKAGE)}: {n} lines" for p, n in physical.items() if n > MOST_LINES
    ]
    faults += [f"{name}: {n} lines" for path in files for name, n in long_functions(path)]
    with_code = sum(path.name != "__init__.py" for path in files)
    sys.stdout.write(
        f"core: {core} lines of code in {with_code} modules, {sum(physical.values())} lines in all\n"
        f"tests: {tests} lines of code, {tests / core:.2f} per line of the core\n"
        + "".join(f"too much: {fault}\n" for fault in faults)
    )
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
