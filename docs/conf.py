"""How the documentation is built: `make docs`, without a network, and with every warning as an error."""

from __future__ import annotations

import configparser
import os
import pathlib
import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

import keras_advxai

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")

project = "keras-advxai"
author = "The keras-advxai authors"
project_copyright = f"{author}, Apache-2.0"
release = version = keras_advxai.__version__
SOURCES = f"{SETUP['metadata']['url']}/blob/main"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
suppress_warnings: list[str] = []

default_role = "code"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
}
html_sidebars = {"getting_started": [], "design": []}  # they have no pages below them
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"keras-advxai {version}"
html_show_sourcelink = False
html_copy_source = False
OUTSIDE = re.compile(r"\]\(((?:\.\./)+)([^)#]+)((?:#[^)]*)?)\)")


def link_outside(app: Sphinx, name: str, source: list[str]) -> None:
    """Lead links to files outside of this folder, which pages on GitHub follow, to the repository."""
    page = ROOT / "docs" / name

    def link(found: re.Match[str]) -> str:
        up, path, anchor = found.groups()
        target = (page.parent / up / path).resolve()
        if target.is_relative_to(ROOT / "docs"):
            return found[0]
        if target == ROOT / "keras_advxai" / "checks.md":  # which docs/checks.md includes
            return f"]({os.path.relpath(ROOT / 'docs' / 'checks.md', page.parent)}{anchor})"
        return f"]({SOURCES}/{target.relative_to(ROOT)}{anchor})"

    source[0] = OUTSIDE.sub(link, source[0])


def shorten(app: Sphinx, what: str, name: str, value: object, options: object, arguments: str, returned: str) -> object:
    """Write epsilons in signatures as fractions of 255."""
    levels = re.sub(r"0\.0\d{10,}", lambda found: f"{255 * float(found[0]):.4g}/255", arguments or "")
    return (levels, returned) if arguments else None


def tables(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Make tables of Markdown, which docstrings have for readers of the sources, into those of reStructuredText.

    And the line above an example a heading: it stands before a blank line, where napoleon takes it for text.
    """
    text = re.sub(r"^Example:$", "\n.. rubric:: Example\n", "\n".join(lines), flags=re.MULTILINE)
    lines[:] = re.sub(r"(?:^ *\|.*\|\n?)+", _table, text, flags=re.MULTILINE).split("\n")


def _table(found: re.Match[str]) -> str:
    indent = " " * (len(found[0]) - len(found[0].lstrip(" ")))
    rows = [re.split(r" *\| *", line.strip(" |")) for line in found[0].splitlines()]
    rows = [row for row in rows if not set("".join(row)) <= set("-:")]
    made = ["", f"{indent}.. list-table::", f"{indent}   :header-rows: 1", ""]
    for row in rows:
        made += [f"{indent}   {'* -' if not place else '  -'} {cell}" for place, cell in enumerate(row)]
    return "\n".join([*made, "", ""])


def inline_formula(page: Any, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers know by themselves: MathJax would be downloaded by every reader."""
    page.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def formula(page: Any, node: nodes.math_block) -> None:
    """The same for a formula by itself."""
    page.body.append(tex2mathml(node.astext()).replace("<math", '<math display="block"', 1))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
    app.connect("source-read", link_outside)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-docstring", tables)
