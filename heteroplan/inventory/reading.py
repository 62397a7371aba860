"""Sources of a fleet, opened and read, each by the format that is named or that it fits."""

import io
import json
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inventory.formats import FORMATS
from heteroplan.inventory.node import Contents, SourceFile, SourceOptions
from heteroplan.reading.byte_streams import input_errors, unpacked
from heteroplan.reading.formats import check_unique
from heteroplan.reading.input_files import STDIN
from heteroplan.reading.input_size import JSON_MARKS, MOST_SOURCE_BYTES, check_values, whole

DASH = Path("-")
"""Standard input, as users write it."""
NO_OPTIONS = SourceOptions()
_JSON_BEGINS = ("{", "[")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SHOWN_CHARACTERS = 40


def read_sources(
    files: Sequence[Path],
    format: str | None = None,  # noqa: A002
    options: SourceOptions = NO_OPTIONS,
    most_bytes: int = MOST_SOURCE_BYTES,
) -> list[Contents]:
    """What each of `files` says, in their order; `-` is standard input, gzip and zstd are unpacked.

    All are of `format`, or each of the one that it fits. Raises InputError with the problems of all
    files, UsageError for an unknown format, a file that fits several, and `-` that is named twice.
    """
    FORMATS.check(format)
    if files.count(DASH) > 1:
        raise UsageError("- is named twice; standard input can be read once")
    contents: list[Contents] = []
    problems: list[InputProblem] = []
    for path in files:
        try:
            file = open_source(path, most_bytes)
            contents.append(FORMATS[format or format_of(file, options)].read(file, options))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return contents


def open_source(path: Path, most_bytes: int = MOST_SOURCE_BYTES) -> SourceFile:
    """The content of the file at `path`, of which at most `most_bytes` are held.

    Raises InputError where it cannot be read, is no text, or begins as JSON and is none.
    """
    name = str(STDIN if path == DASH else path)
    with input_errors(name), _opened(path) as raw:
        stream, _ = unpacked(raw, name, most_bytes)
        content = whole(stream, name, most_bytes, copies=2)
        text = content.decode("utf-8-sig")
    if not text.strip():
        raise InputError([InputProblem(name, 0, "", "", "is empty; name a file with nodes in it")])
    begin = text[: len(text) - len(text.lstrip()) + 1].strip()
    if not begin.startswith(_JSON_BEGINS):
        return SourceFile(name, text, None)
    check_values(content, JSON_MARKS, name, most_bytes)
    return SourceFile(name, text, _document(text, name, begin))


def _opened(path: Path) -> "IO[bytes] | nullcontext[IO[bytes]]":
    return nullcontext(sys.stdin.buffer) if path == DASH else path.open("rb")


def _document(text: str, file: str, begin: str) -> object | None:
    """The one JSON value in `text`, None where it only begins like one.

    `[` begins a list of hosts as well as JSON; what begins with `{` is no other inventory. Raises
    InputError.
    """
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        if begin == "[":
            return None
        message = getattr(error, "msg", None) or str(error)
        remedy = f"is no JSON: {message}; was it written to the end?"
        if message == "Extra data":
            remedy = "has more than one JSON value; write each to a file of its own"
        line = getattr(error, "lineno", 0)
        raise InputError([InputProblem(file, line, "", "", remedy)]) from None
    if _SURROGATE.search(text):
        _check_text(document, file)
    return document


def _check_text(document: object, file: str) -> None:
    r"""Raise InputError where an escape such as `\ud800` stands for no character."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        shown = f"\\u{ord(error.object[error.start]):04x}"
        remedy = "is half a character; write the whole one"
        raise InputError([InputProblem(file, 0, "", shown, remedy)]) from None


def format_of(file: SourceFile, options: SourceOptions = NO_OPTIONS) -> str:
    """Name of the format that `file` fits.

    `table`, which takes any CSV whose columns the user maps, is asked last. Raises InputError where
    none fits, UsageError where several do.
    """
    fitting = [name for name in FORMATS if name != "table" and FORMATS[name].fits(file)]
    check_unique(file.name, fitting)
    if fitting:
        return fitting[0]
    if FORMATS["table"].fits(file) or (options.columns and file.document is None):
        return "table"
    raise InputError([_unknown(file)])


def _unknown(file: SourceFile) -> InputProblem:
    first = next(line for line in io.StringIO(file.text) if line.strip()).strip()
    known = ", ".join(name for name in FORMATS if name != "table")
    remedy = (
        f"is of no known format. Known are {known}: say which with --format. Of any other table "
        "(CSV) say which columns are which, as in --map node=HOST --map gpu=MODEL --map gpus=COUNT"
    )
    return InputProblem(file.name, 0, "", first[:_SHOWN_CHARACTERS], remedy)
