"""What `mkdocs.yml` asks of MkDocs beyond its options: pages from elsewhere, anchors, formulas without scripts."""

import html
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from site_links import ELSEWHERE, markdown_on_site, slug

ROOT = Path(__file__).parents[1]
# What pymdownx.arithmatex leaves of formulas.
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
# What latex2mathml gets wrong: sizes of brackets, and a prime before an exponent.
_SIZE = re.compile(r"\\[bB]igg?[lr]?(?![a-zA-Z])")
_PRIME = re.compile(r"'\^(\w)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Call anchors as Git hosts do, so that a link works on both."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of `docs/`."""
    for path, on_site in ELSEWHERE.items():
        content = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, on_site, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn links to files of the repository into links of the site."""
    return markdown_on_site(markdown, page.file.src_uri)


def on_page_content(html_text: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn formulas into MathML, which browsers show without a script from elsewhere."""
    return _FORMULA.sub(_mathml, html_text)


def _mathml(match: re.Match[str]) -> str:
    formula = _PRIME.sub(r"^{\\prime \1}", _SIZE.sub("", html.unescape(match[2]).strip()))
    display = "block" if match[1] == "div" else "inline"
    mathml = convert(formula, display=display)
    if "\\" in mathml:
        raise PluginError(f"not all of this formula is known to latex2mathml: {formula}")
    return (
        f'<div style="overflow: auto hidden; padding: 0.3em 0">{mathml}</div>'
        if display == "block"
        else mathml
    )
