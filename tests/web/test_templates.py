"""Law: no template types punctuation between two texts: each language has its own, Chinese no half-width one."""

import re
from pathlib import Path

TYPED = re.compile(r"\}\}(?:</\w+>)?[,.:;](?: |\{\{|\{%)")


def test_no_template_of_the_portal_types_punctuation_between_texts() -> None:
    typed = {
        f"{template}: {found[0]}"
        for template in Path("consent_center/portal/templates").rglob("*.html")
        for found in TYPED.finditer(template.read_text())
    }
    assert typed == set()
