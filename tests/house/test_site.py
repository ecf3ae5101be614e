"""Every page is on the site, and every link leads somewhere, there and on a Git host."""

import re
from pathlib import Path
from pydoc import locate

import pytest
import yaml
from site_links import ELSEWHERE, anchors, links, markdown_on_site, resolved, slug, source

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    *sorted(str(page.relative_to(REPOSITORY)) for page in REPOSITORY.glob("docs/**/*.md")),
    *(path for path in ELSEWHERE if path.endswith(".md")),
]
API = "docs/reference/api.md"


def text(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def in_nav(entry) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    children = entry.values() if isinstance(entry, dict) else entry
    return [page for child in children for page in in_nav(child)]


def test_every_page_is_in_the_navigation_once():
    nav = in_nav(yaml.safe_load(text("mkdocs.yml"))["nav"])
    assert sorted(source(page) for page in nav) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_an_anchor(page):
    for target, anchor in links(text(page)):
        path = resolved(page, target) if target else page
        assert (REPOSITORY / path).is_file(), f"{page}: no file {target}"
        if anchor:
            assert anchor in anchors(text(path)), f"{page}: no heading {target}#{anchor}"
        if target:
            on_site = path.startswith("docs/") or path in ELSEWHERE
            assert on_site, f"{page}: {path} is not on the site; add it to ELSEWHERE"


@pytest.mark.parametrize("name", re.findall(r"^::: (\S+)$", text(API), re.MULTILINE))
def test_what_the_api_page_shows_exists_and_is_documented(name):
    found = locate(name)
    assert found is not None, f"{API}: no {name}"
    assert found.__doc__


def test_the_example_of_the_api_page_works():
    (block,) = re.findall(r"```python\n(.*?)```", text(API), re.DOTALL)
    exec(block, {})  # noqa: S102


def test_links_out_of_docs_become_links_of_the_site():
    page = "howto/another-element.md"
    assert markdown_on_site("[p](../../pseudopotentials/README.md#a)", page) == (
        "[p](../reference/pseudopotentials.md#a)"
    )
    assert markdown_on_site("[a](docs/limits.md) [b](https://x.y/z)", "index.md") == (
        "[a](limits.md) [b](https://x.y/z)"
    )
    assert markdown_on_site("`[x](docs/limits.md)`", "index.md") == "`[x](docs/limits.md)`"


def test_anchors_are_those_of_git_hosts():
    assert slug("The floor, before any training") == "the-floor-before-any-training"
    assert slug("Wärme – `kT`") == "wärme--kt"
    assert anchors("# A [link](b.md)\n```sh\n# no heading\n```\n## B c") == {"a-link", "b-c"}


def test_a_dead_link_is_seen():
    assert links("[a](b.md) `[c](d.md)` [e](#f) [g](https://h)") == [("b.md", ""), ("", "f")]
