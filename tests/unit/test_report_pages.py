"""Pages show what a data set holds as text, whatever it is."""

import re
from pathlib import Path

import pytest

from tasks.report.page import render_page
from tests.helpers.pyflyte import REPO_ROOT

_TEMPLATES = sorted((REPO_ROOT / "tasks").rglob("*.j2"))


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_template_lets_markup_through(template: Path) -> None:
    assert not re.search(r"\|\s*safe\b|autoescape", template.read_text())


def test_values_are_escaped_in_text_and_attributes(tmp_path: Path) -> None:
    template = tmp_path / "page.j2"
    template.write_text(
        """<p title="{{ name }}">{{ name }}</p>"""
        "{% for row in rows %}{{ row | truncate(99) }}{% endfor %}"
    )
    page = render_page(template, name='"><script>x</script>', rows=["<b onclick='x'>"])
    assert not re.search(r"<(?!/?p\b)", page)
    assert page.count("&lt;script&gt;") == 2
