"""What there is to say of a program under load, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from extauth.harness.load.run import Measurement
from extauth.harness.masking import Masker
from extauth.harness.report import complaint_lines, end_lines


def remark_lines(run: Measurement, masker: Masker) -> Iterator[str]:
    """Answers that were wrong, complaints, and how the program ended."""
    for answer in run.first_wrong_answers:
        request, reply = masker.sent(answer.request), masker.reply(answer.reply)
        yield f"wrong answer: not {answer.right.decode()} to {request}: {reply}"
    if run.wrong_answers > len(run.first_wrong_answers):
        yield f"... {run.wrong_answers:,} wrong answers in all"
    yield from complaint_lines(run.supervisor, masker)
    yield from end_lines(run.supervisor, masker)
