"""What once went wrong, each as a case of its own: `python -m tests.fuzz --corpus` runs them."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz import faults, packed, recorded, seeds, values
from tests.fuzz.cases import Case, Made
from tests.fuzz.faults import CLOSED, FULL, NOBODY, Faults
from tests.fuzz.seeds import Start
from tests.scenario_files import ScenarioFiles

ODD = {
    "ESC": "\x1b[31mred",
    "NUL": "a\0b",
    "DEL": "a\x7fb",
    "C1": "a\x9b31mb",
    "bidi": "\u202ea",
    "U+2028": "a\u2028b",
    "command": f"a\n{values.COMMAND}b",
}
"""What a terminal or GitHub obeys."""
ALL = frozenset({0, 1, 2, 3})
BAD = frozenset({2})


def corpus(made: Made) -> dict[str, Case]:
    """All of them by name."""
    found = [*_options(), *_streams(), *_demands(), *_large(made), *_texts(), *_plans(made)]
    return dict(found)


type Named = tuple[str, Case]


def _scenario_with(fields: Mapping[str, object]) -> Callable[[ScenarioFiles], None]:
    return lambda made: made.scenario.update(fields)


def _rename_workloads(name: str, plan: dict[str, Any]) -> None:
    for pool in plan["pools"]:
        pool["workload"] = name


def _set_hours(hours: str, plan: dict[str, Any]) -> None:
    plan["totals"]["gpu_hours"] = hours


def _case(
    name: str,
    args: Sequence[str],
    files: Mapping[str, bytes],
    codes: frozenset[int] = BAD,
    harm: Faults = faults.NONE,
    outputs: tuple[str, ...] = (),
) -> Named:
    start = Start(name, tuple(args), files, outputs=outputs)
    return name, Case(0, start, tuple(args), files, harm, (name,), codes)


def _small(change: Callable[[ScenarioFiles], Any] | None = None) -> dict[str, bytes]:
    """The files of the small scenario with a change to it."""
    files = ScenarioFiles(Path())
    if change is not None:
        change(files)
    return seeds.files_of(files)


def _options() -> Iterator[Named]:
    slo = ("--isl", "1000", "--osl", "100")
    measured = {"m.csv": recorded.OWN}
    for value in ("inf", "nan", "1e400", "1_0", "１０"):
        for option in ("--itl-ms", "--ttft-ms", "--isl"):
            given = {"--isl": "1000", "--osl": "100", "--ttft-ms": "2000", "--itl-ms": "60"}
            given[option] = value
            args = [word for pair in given.items() for word in pair]
            yield _case(f"fit {option} {value!a}", ("fit", "m.csv", *args), measured)
    yield _case("gap of 100 %", ("plan", ".", "--gap", "1"), _small())
    yield _case("headroom of 1,000 %", ("validate", ".", "--set", "workloads.chat.headroom=10"),
                _small())  # fmt: skip
    yield _case("KV cache of a token without end", (
        "fit", "m.csv", *slo, "--kv-bytes-per-token", "inf", "--model", "m", "--out", "-"),
        measured)  # fmt: skip


def _streams() -> Iterator[Named]:
    plan = ("plan", ".", *seeds.LIMIT)
    trace = {"own.csv": recorded.own_trace(days=1).encode()}
    for stream in ("stdin", "stdout", "stderr"):
        harm = Faults(**{stream: CLOSED})  # type: ignore[arg-type]
        yield _case(f"plan, {stream} closed", plan, _small(), ALL, harm)
        yield _case(f"wrong plan, {stream} closed", ("plan", "nowhere"), {}, ALL, harm)
        yield _case(f"schema, {stream} closed", ("schema", "plan"), {}, ALL, harm)
    closed = Faults(stdin=CLOSED, stdout=CLOSED, stderr=CLOSED)
    yield _case("demand, all closed", ("demand", "own.csv"), trace, ALL, closed)
    for command in ("validate", "demand", "explain"):
        yield _case(f"{command} - <&-", (command, "-"), {}, BAD, Faults(stdin=CLOSED))
    for full in (FULL, NOBODY):
        yield _case(f"validate nofile, stderr {full}", ("validate", "nofile"), {}, BAD,
                    Faults(stderr=full))  # fmt: skip
        yield _case(f"demand, stderr {full}", ("demand", "own.csv", "--out", "a.csv"), trace,
                    frozenset({0}), Faults(stderr=full), outputs=("a.csv",))  # fmt: skip
    yield _case("demand on a full disk", ("demand", "own.csv"), trace, BAD,
                Faults(stdout=FULL, stderr=FULL))  # fmt: skip
    two = ("--out", "a.csv", "--out", "no/b.html")
    yield _case(
        "one of two outputs", ("demand", "own.csv", *two), trace, outputs=("a.csv", "no/b.html")
    )


def _demands() -> Iterator[Named]:
    for first, second in (("1e-9", "5"), ("1e-9", "1e-9"), ("1e-320", "5"), ("1e-320", "0")):
        text = f"interval_start,rps\n2026-11-23T00:00,{first}\n2026-11-23T01:00,{second}\n"
        yield _case(f"demand of {first} and {second}", ("plan", ".", "--time-limit", "20"),
                    _small() | {"demand.csv": text.encode()}, frozenset({0}))  # fmt: skip


def _large(made: Made) -> Iterator[Named]:
    blanks, zeros = made["bombs"]["blanks"] * 16, made["bombs"]["zeros"] * 16
    head = b'{"status": "success", "data": {"resultType": "matrix", "result": ['
    yield _case("1 GB of blanks in JSON", ("demand", "p.json.gz"),
                {"p.json.gz": gzip.compress(head, mtime=0) + blanks})  # fmt: skip
    yield _case("1 GB of zeros in Parquet", ("demand", "p.gz"),
                {"p.gz": gzip.compress(b"PAR1", mtime=0) + zeros})  # fmt: skip
    given = ("--gpu", "G", "--tp", "1")
    yield _case("arrays of zeros", ("fit", "big.npz", *given), {"big.npz": made["bombs"]["npz"]})
    for command in ("fit", "demand", "validate", "explain"):
        yield _case(f"{command} /dev/zero", (command, "/dev/zero"), {})
    for count in (100, 20_000):
        keys: dict[str, int] = {f"k{number}": 1 for number in range(count)}
        yield _case(f"{count} unknown keys", ("validate", "."),
                    _small(_scenario_with(keys)))  # fmt: skip
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as members:
        members.writestr(zipfile.ZipInfo("z_itl.npy"), packed.npy(f"({10**13},)"))
    yield _case("10 TB of nothing", ("fit", "big.npz", *given), {"big.npz": sink.getvalue()})


def _texts() -> Iterator[Named]:
    """Odd texts in everything that is read; what is refused says so in plain characters."""
    for kind, text in ODD.items():
        quoted = '"' + text + '"'
        yield _case(f"{kind} in a demand's cell", ("validate", "."), _small() | {
            "demand.csv": f"interval_start,rps\n{quoted},1\n{quoted},2\n".encode()})  # fmt: skip
        yield _case(f"{kind} in a cell, checked", ("check", ".", *seeds.LIMIT), _small() | {
            "demand.csv": f"interval_start,rps\n2026-11-23,{quoted}\n".encode()})  # fmt: skip
        yield _case(f"{kind} in a trace", ("demand", "t.csv"), {
            "t.csv": f"interval_start,rps\n{quoted},1\n{quoted},2\n".encode()})  # fmt: skip
        yield _case(f"{kind} in a trace's header", ("demand", "t.csv"), {
            "t.csv": f"{quoted},rps\n1,1\n".encode()})  # fmt: skip
        yield _case(f"{kind} in a measurement", ("fit", "m.csv"), {
            "m.csv": recorded.OWN.replace(b"prefill", quoted.encode())})  # fmt: skip
        yield _case(f"{kind} in a GPU type", ("fit", "m.csv"), {
            "m.csv": recorded.OWN.replace(b"H100-SXM-80GB", quoted.encode())}, ALL)  # fmt: skip
        running = f"workload,engine,replica_id,leaf\nchat,{quoted},1,l1\n".encode()
        yield _case(f"{kind} in what runs", ("plan", ".", "--current", "c.csv"),
                    _small() | {"c.csv": running})  # fmt: skip
        yield _case(f"{kind} in a key", ("validate", "."),
                    _small(_scenario_with({text: 1})))  # fmt: skip
        yield _case(f"{kind} in an override", ("validate", ".", "--set", _shown(f"name={text}")),
                    _small(), ALL)  # fmt: skip
        yield _case(f"{kind} in a file's name", ("validate", _shown(f"{text}.yaml")), {})
        for command in ("validate", "plan", "check"):
            yield _case(
                f"{kind} in a name, {command}",
                (command, ".", *(seeds.LIMIT if command != "validate" else ())),
                _small(_scenario_with({"name": text})),
                ALL if ord(max(text)) > 0x7F else BAD,
            )


def _shown(text: str) -> str:
    """Without what no command line can hold."""
    return text.replace("\0", "0")


def _plans(made: Made) -> Iterator[Named]:
    whole = json.loads(made["small"]["plan.json"])

    def changed(change: Callable[[Any], Any]) -> dict[str, bytes]:
        document = json.loads(json.dumps(whole))
        change(document)
        return {"plan.json": json.dumps(document).encode()}

    export = ("export", "plan.json", "--format")
    commands = [("explain", "plan.json"), (*export, "crontab"), (*export, "csv")]
    line = "0" * 64 + "\n* * * * * evil"
    for command in commands:
        name = command[-1]
        yield _case(f"a line in the hash, {name}", command,
                    changed(lambda plan: plan.update(inputs_sha256=line)))  # fmt: skip
        yield _case(f"a formula as a domain, {name}", command,
                    changed(lambda plan: [pool.update(domain=values.FORMULA)
                                          for pool in plan["pools"]]))  # fmt: skip
    for kind, text in ODD.items():
        yield _case(
            f"{kind} in a plan's workload", commands[0],
            changed(partial(_rename_workloads, text)),
            ALL if text.isprintable() or ord(max(text)) > 0x7F else BAD,
        )  # fmt: skip
        hours = changed(partial(_set_hours, text))
        yield _case(f"{kind} as a plan's hours", commands[1], hours)
    yaml_plan = {"plan.json": yaml.safe_dump(whole).encode()}
    yield _case("a plan in YAML", commands[0], yaml_plan)
