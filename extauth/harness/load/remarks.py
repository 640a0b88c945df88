"""What there is to say of a program under load, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from extauth.harness.load.answers import Answers
from extauth.harness.load.run import Measurement
from extauth.harness.masking import Masker
from extauth.harness.report import complaint_lines, end_lines


def remark_lines(run: Measurement, masker: Masker) -> Iterator[str]:
    """Answers that were not right, complaints, and how the program ended."""
    yield from _answer_lines("wrong answer", run.wrong, masker)
    yield from _answer_lines("could not tell", run.untold, masker)
    yield from complaint_lines(run.supervisor, masker)
    if run.interrupted:
        yield "interrupted: the program was killed"
    yield from end_lines(run.supervisor, masker)


def _answer_lines(what: str, answers: Answers, masker: Masker) -> Iterator[str]:
    for answer in answers.first:
        request, reply = masker.sent(answer.request), masker.reply(answer.reply)
        yield f"{what}: not {answer.right.decode()} to {request}: {reply}"
    if answers.count > len(answers.first):
        yield f"... {what}: {answers.count:,} in all"
