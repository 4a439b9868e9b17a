"""Tables, and the forms in which they are written: text, CSV, Parquet, Markdown, LaTeX and HTML."""

from keras_advxai.tables.comma_separated import to_csv
from keras_advxai.tables.contents import Tabulated, contents
from keras_advxai.tables.html_text import to_html
from keras_advxai.tables.latex import to_latex
from keras_advxai.tables.markdown import to_markdown
from keras_advxai.tables.plain_text import to_text
from keras_advxai.tables.table import Column, Table

__all__ = [
    "Column",
    "Table",
    "Tabulated",
    "contents",
    "to_csv",
    "to_html",
    "to_latex",
    "to_markdown",
    "to_text",
]
