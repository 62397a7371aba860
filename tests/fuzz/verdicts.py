"""What must never happen, whatever a command is given."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from tests.fuzz import values
from tests.fuzz.cases import Case
from tests.fuzz.running import GIB, MOST_CPU_S, Ended

LATE, FAT, BUG, CODE, RAW = "over 20 s", "over 1 GiB", "traceback", "exit code", "control character"
COMMAND, HALF, LEFT, EXPORT = "command line", "half written", "left behind", "export"
NOISE = "Python warning"
VERDICTS = (BUG, CODE, LATE, FAT, RAW, COMMAND, HALF, LEFT, EXPORT, NOISE)

_RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NO_ROOM = re.compile(rb"MemoryError|bad_alloc|[mr]e?alloc of size \d+ failed")
_PLACE = re.compile(rb'File "[^"]*/(heteroplan/[^"]*)", line (\d+)')
_CRON = re.compile(
    r"(?:#.*|CRON_TZ=[\w/+-]+|(?:[\d*,/-]+ ){4}[\d*,/-]+ kubectl [^\n]*|)"
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?")
_OBJECT = {"apiVersion", "kind", "metadata", "spec"}
_DATA = ("--json", "json", "-", "keda")
"""Words on a command line after which standard output is data, and not for a terminal."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happened."""

    verdict: str
    detail: str
    """Short; the same for faults that are alike."""


def faults_of(case: Case, ended: Ended) -> list[Fault]:
    """All that is wrong with how the command ended."""
    found = list(_ending(case, ended))
    if not found:
        found += [*_streams(case, ended), *_files(case, ended)]
        if ended.code == 0 and case.faults.stdout == "":
            found += _exported(case, ended)
    return found


def _ending(case: Case, ended: Ended) -> Iterator[Fault]:
    if ended.hung or ended.cpu_s > MOST_CPU_S:
        yield Fault(LATE, "hangs" if ended.hung else f"{case.start.command}")
        return
    if ended.peak_bytes > GIB or _NO_ROOM.search(ended.err):
        yield Fault(FAT, _where(ended.err) or f"{ended.peak_bytes / GIB:.1f} GiB")
        return
    if b"Traceback (most recent call last)" in ended.err or ended.code == 70:
        yield Fault(BUG, _where(ended.err))
    elif ended.code not in case.codes:
        wanted = " or ".join(map(str, sorted(case.codes)))
        yield Fault(CODE, f"{case.start.command}: {ended.code} instead of {wanted}")
    elif not case.changes and ended.code not in case.start.codes:
        yield Fault(CODE, f"{case.start.name}: {ended.code} though nothing is wrong")


def _where(err: bytes) -> str:
    """The last line of a traceback without its value, and the last place in heteroplan."""
    places = _PLACE.findall(err)
    place = b":".join(places[-1]).decode() if places else ""
    lines = [
        line for line in err.splitlines() if re.match(rb"[\w.]+(Error|Exception|Exit)\b", line)
    ]
    kind = lines[-1].partition(b":")[0].decode() if lines else ""
    return f"{kind} {place}".strip()


def _streams(case: Case, ended: Ended) -> Iterator[Fault]:
    encoding = "ascii" if case.faults.ascii_streams else "utf-8"
    data = any(word in _DATA for word in case.args[1:]) or case.start.command == "export"
    for name, raw, is_data in (("stdout", ended.out, data), ("stderr", ended.err, False)):
        text = raw.decode(encoding, "replace")
        bad = _RAW.search(text)
        if bad and not (is_data and bad[0] > "\x7f"):
            yield Fault(RAW, f"{case.start.command}: {_kind(bad[0])} on {name}")
        github = "github" in case.args and name == "stdout"
        for line in text.splitlines():
            if line.startswith("::") and (not github or line.startswith(values.COMMAND)):
                yield Fault(COMMAND, f"{case.start.command}: {name}")
                break
        if name == "stderr" and re.search(r"^\S+:\d+: \w*Warning: ", text, re.MULTILINE):
            warned = re.findall(r"/([\w/.-]+):(\d+): (\w*Warning)", text)
            shown = f"{warned[0][2]} {warned[0][0][-60:]}:{warned[0][1]}" if warned else ""
            yield Fault(NOISE, f"{case.start.command}: {shown}")


def _kind(character: str) -> str:
    names = {"\x00": "NUL", "\x1b": "ESC", "\r": "CR", "\x7f": "DEL"}
    above = "C0" if character < " " else "C1" if character < "\xa0" else "bidi, U+2028"
    return names.get(character, above)


def _files(case: Case, ended: Ended) -> Iterator[Fault]:
    before, after = case.files, ended.files
    for name, content in before.items():
        if name not in case.faults.instead and after.get(name) != content and case.options_kept:
            yield Fault(LEFT, f"{case.start.command}: its input {name} changed")
    new = {name for name in after if name not in before and name not in case.faults.instead}
    for name in new:
        if name.endswith(".tmp") or name.startswith("evil"):
            yield Fault(LEFT, f"{case.start.command}: {re.sub(r'[.][^.]*[.]tmp', '.*.tmp', name)}")
        elif case.options_kept and name not in case.start.outputs:
            yield Fault(LEFT, f"{case.start.command}: {name}")
    written = [name for name in case.start.outputs if name in after]
    if written and len(written) < len(case.start.outputs) and case.options_kept:
        yield Fault(HALF, f"{case.start.command}: only {', '.join(written)}")
    if case.start.outputs and case.options_kept and not written and ended.code == 0:
        yield Fault(HALF, f"{case.start.command}: nothing, though it ended with 0")
    for name in written:
        if name.endswith(".html") and values.MARKUP.encode() in after[name]:
            yield Fault(EXPORT, f"{case.start.command}: markup in {name}")


def _exported(case: Case, ended: Ended) -> Iterator[Fault]:
    """Documents hold nothing but what we write."""
    if not case.options_kept:
        return
    text = ended.out.decode("utf-8", "replace")
    form = case.args[case.args.index("--format") + 1] if "--format" in case.args else ""
    try:
        if "--json" in case.args or form == "json":
            json.loads(text, parse_constant=_refused)
        elif form == "crontab":
            bad = [line for line in text.split("\n") if not _CRON.fullmatch(line)]
            if bad or any(line.startswith("* * * * *") for line in text.splitlines()):
                yield Fault(EXPORT, "crontab: a line not ours")
        elif form == "keda":
            for each in yaml.safe_load_all(text):
                if each is not None and set(each) != _OBJECT:
                    yield Fault(EXPORT, "keda: a document not ours")
        elif form == "csv":
            yield from _table(text)
    except (ValueError, yaml.YAMLError, AttributeError, TypeError) as error:
        kind = form or "--json"
        yield Fault(EXPORT, f"{case.start.command} {kind}: {type(error).__name__}")


def _table(text: str) -> Iterator[Fault]:
    rows = list(csv.reader(io.StringIO(text)))
    for row in rows:
        if len(row) != len(rows[0]):
            yield Fault(EXPORT, "csv: a row of another length")
            return
        for cell in row:
            if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(cell):
                yield Fault(EXPORT, "csv: a formula")
                return


def _refused(name: str) -> float:
    raise ValueError(name)
