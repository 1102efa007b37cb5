"""HTML pages that need nothing else: one look for all, pictures inside.

A stage keeps its templates beside its library; each extends `page.html.j2`. The filters turn bytes
into sources of
`<img>` and `<video>`, and numbers into text; what is missing shows as a dash.
"""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.report import text


def render_page(template: Path, **values: object) -> str:
    """The page that `template` makes of `values`, which are escaped.

    Raises:
        jinja2.UndefinedError: the template wants a value that was not given.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "png": _png_uri,
        "mp4": _mp4_uri,
        "percent": text.percent,
        "number": text.number,
        "signed": text.signed,
        "whole": text.whole,
    }
    return environment.get_template(template.name).render(**values)


def _png_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _mp4_uri(mp4: bytes) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(mp4).decode()}"
