"""The check of the English in the pages finds what it looks for, with the line. Names of tests are short, too."""

from __future__ import annotations

import re

from tests.paths import TESTS
from tests.prose import check

LONG = "This sentence has many words " + "and more " * 11 + "than a page may have."


def test_plain_page_has_no_complaint() -> None:
    code = "    code that begins with many words " + "and " * 30
    assert (
        check(f"# A heading upon the page\n\nextauth reads `a b c`. It is plain.\n\n{code}\n\n```\n{code}\n```\n") == []
    )


def test_each_complaint_names_line_and_sentence() -> None:
    for page, line, complaint in [
        ("# Title\n\nHere are four words.\n" * 9 + LONG, 28, f"words; this one has 32: {LONG}"),
        (f"- a short one in a list\n- {LONG}\n", 2, f"shorten: {LONG}"),
        ("| a | b |\n|---|---|\n| key | it is read anew |\n", 3, "use a common word for 'anew'"),
        (f"| a | b |\n|---|---|\n| key | {LONG} |\n", 3, "more than 30 words in a table cell"),
        ("First.\n\n" + "Five words make a sentence. " * 19, 3, "more than 90 words in a paragraph"),
    ]:
        complaints = check(page)
        assert any(found.startswith(f"{line}: ") and complaint in found for found in complaints), complaints


def test_names_of_tests_have_at_most_ten_words() -> None:
    names = [
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def test_(\w+)", path.read_text(), re.MULTILINE)
    ]
    assert len(names) > 500
    assert [name for name in names if name.count("_") >= 10] == []
