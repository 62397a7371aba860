"""Commands on files that are in order: what a case spoils."""

import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.fuzz.trees import tree
from tests.profiles.readers import (
    test_aibrix,
    test_aiperf,
    test_distserve,
    test_infera,
    test_inference_perf,
    test_llmd,
    test_silicon,
    test_vllm,
)
from tests.profiles.readers.changes import changed
from tests.scenario_files import ScenarioFiles, divided, engine, node_type

LIMIT = ("--time-limit", "3")
ALIKE = ("--max-class-error", "1")
REFUSED = ("null", "float", "list", "esc", "range", "date", "words", "none")
"""Parquet files that are wrong as they are."""


@dataclass(frozen=True, slots=True)
class Start:
    """A command, its files, and what it must do with them."""

    name: str
    args: tuple[str, ...]
    files: Mapping[str, bytes]
    forms: Mapping[str, str] = field(default_factory=dict)
    """What each file is: yaml, csv, json, jsonl, npz or parquet. What is not here stays whole."""
    outputs: tuple[str, ...] = ()
    """Files that the command writes: all of them or none."""
    code: int = 0
    """What it ends with when nothing is spoiled."""
    odds: int = 1

    @property
    def codes(self) -> frozenset[int]:
        """What it ends with when nothing is spoiled; a search may have too little time."""
        return frozenset({self.code, 3} if LIMIT[0] in self.args else {self.code})

    @property
    def command(self) -> str:
        return self.args[0] if self.args else ""


def starts(made: Mapping[str, Mapping[str, bytes]]) -> tuple[Start, ...]:
    """All of them; `made` is what heteroplan and pyarrow wrote before (see `packed.made`)."""
    return (
        *_on_scenarios(made),
        *_on_plans(made),
        *_on_traces(made),
        *_on_measurements(made),
        *(Start(f"schema {kind}", ("schema", kind), {}) for kind in ("scenario", "plan")),
    )


def by_hand() -> tuple[Start, ...]:
    """Those that give `packed.made` its plans, placements and profiles."""
    plans = tuple(
        Start(
            name,
            ("plan", ".", "--time-limit", "60", "--out", "made", "--placement"),
            files,
            outputs=tuple(
                f"made/{each}"
                for each in ("plan.json", "schedule.csv", "report.html", "placement.csv")
            ),
        )
        for name, files, _ in _scenarios()
        if name != "traced"
    )
    given = ("--model", "llama", "--startup-s", "60", "--kv-tokens", "400000")
    fit = Start("profile", ("fit", "m.csv", *given, "--out", "made.yaml"), {"m.csv": OWN},
                outputs=("made.yaml",))  # fmt: skip
    return (*plans, fit)


def _yaml(plain: Any) -> bytes:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()


def _scenarios() -> Iterator[tuple[str, dict[str, bytes], dict[str, str]]]:
    """Name, files and forms of each."""
    small = ScenarioFiles(Path())
    yield "small", files_of(small), _FORMS
    yield "rich", {**files_of(_rich()), "moe.yaml": _yaml(_MOE), "m.csv": OWN,
                   "moe.csv": b"interval_start,rps,isl,osl\n2026-11-23T00:00,1,900,90\n"
                              b"2026-11-23T01:00,2,1000,100\n2026-11-23T02:00,0,1000,100\n"
                              b"2026-11-23T03:00,1,1000,100\n"}, _FORMS | {
        "moe.yaml": "yaml", "m.csv": "csv", "moe.csv": "csv"}  # fmt: skip
    traced = ScenarioFiles(Path())
    traced.workload["demand"] = {
        "trace": "demand.csv", "max_class_error": 1.0, "quantile": 0.9, "growth": 1.1,
        "peak": "1h", "weekdays": "alike",
        "events": [{"name": "sale", "start": "2026-11-09T06:00", "end": "2026-11-09T12:00",
                    "multiplier": 1.5}],
    }  # fmt: skip
    del traced.workload["requests"]
    traced.scenario["horizon"] = {"start": "2026-11-09", "interval": "6h", "timezone": "UTC"}
    traced.leaf["nodes"]["h100x8"] = 6
    traced.demand = own_trace(days=3)
    yield "traced", files_of(traced), _FORMS
    classed = ScenarioFiles(Path())
    classed.workload["classes"] = "classes.csv"
    del classed.workload["requests"]
    classes = b"class,share,isl,osl\nchat,0.75,1000,200\ncode,0.25,8000,100\n"
    yield "classed", files_of(classed) | {"classes.csv": classes}, _FORMS | {"classes.csv": "csv"}


_FORMS = {
    "scenario.yaml": "yaml",
    "fleet.yaml": "yaml",
    "profile.yaml": "yaml",
    "demand.csv": "csv",
}


def files_of(made: ScenarioFiles) -> dict[str, bytes]:
    return {
        "scenario.yaml": _yaml(made.scenario),
        "fleet.yaml": _yaml(made.fleet),
        "profile.yaml": _yaml(made.profile),
        "demand.csv": made.demand.encode(),
    }


def _rich() -> ScenarioFiles:
    """Two workloads, two node types, three leaves, and most fields that there are."""
    made = ScenarioFiles(Path())
    made.scenario |= {
        "objective": "gpu_hours",
        "horizon": {"start": "2026-11-23T00:00", "intervals": 4, "interval": "1h",
                    "timezone": "Asia/Singapore", "cyclic": False},
    }  # fmt: skip
    made.workload |= {
        "classes": [{"name": "a", "share": 0.6, "isl": 800, "osl": 100, "isl_cv": 1.2},
                    {"name": "b", "share": 0.4, "isl": 2000, "osl": 300, "prefix_hit_rate": 0.2}],
        "slo": {"ttft_ms": 2000, "itl_ms": 80, "percentile": 0.9},
        "affinity": "cluster", "headroom": 0.1, "priority": 1, "pd_ratio": {"min": 0.1, "max": 9},
        "min_replicas": {"prefill": 1, "decode": 1}, "max_replicas": {"prefill": 50},
        "allow_extrapolation": True, "kv_transfer": "missed", "prefill_queue": "per_replica",
        "resilience": {"lose": "node", "serve": 0.2},
    }  # fmt: skip
    del made.workload["requests"]
    moe = {
        "name": "moe", "model": "moe", "profile": "moe.yaml", "demand": "moe.csv",
        "requests": {"isl": 1000, "osl": 100, "context": 1500, "context_cv": 0.5},
        "slo": {"ttft_ms": 3000, "tpot_ms": 100}, "affinity": "spine", "priority": 2,
        "max_groups": 2, "pin": ["c1"], "exclude": ["s2"], "anti_affinity": [],
    }  # fmt: skip
    made.scenario["workloads"] = [made.workload, moe]
    made.fleet |= {
        "gpu_types": [{"name": "GPU-0", "memory_gib": 48}],
        "node_types": [*made.fleet["node_types"], node_type("l40sx8", "L40S-48GB"),
                       node_type("odd", "GPU-0", 4)],
        "bandwidth": {"across_leaves": 0.8, "across_spines": 0.5},
        "unavailable": [{"leaf": "l1", "node_type": "h100x8", "nodes": 1,
                         "start": "2026-11-23T02:00", "end": "2026-11-23T03:00"}],
    }  # fmt: skip
    made.leaf["nodes"] = {"h100x8": 4, "l40sx8": 3}
    made.add_leaf("l2", {"h100x8": 3})
    made.add_leaf("l3", {"odd": 2}, spine="s2")
    limits = {"kv_tokens": 400_000, "max_sequences": 64, "startup_s": 600, "drain_s": 60}
    made.profile = {
        "model": "llama",
        "kv_bytes_per_token": 100_000,
        "engines": [
            engine("p", "prefill", capacity_rps=None, startup_s=600,
                   prefill={"overhead_ms": 10, "ms_per_token": 0.05, "ms_per_token_squared": 1e-6},
                   range={"batch_tokens": [1, 8192]}, max_batch_tokens=4096,
                   source={"kind": "fitted", "from": "m.csv", "error_mape": 0.02}),
            engine("d", "decode", capacity_rps=None, **limits,
                   decode={"base_ms": 15, "ms_per_sequence": 0.1, "ms_per_context_token": 2e-5},
                   range={"batch": [1, 256], "context": [1, 8192]}),
            engine("measured", "decode", capacity_rps=None, kv_tokens=400_000,
                   measurements="m.csv"),
            engine("both", "aggregated", capacity_rps=4, gpu="GPU-0", gpus=2),
        ],
    }  # fmt: skip
    made.demand = "interval_start,rps\n" + "".join(
        f"2026-11-23T0{hour}:00,{rps}\n" for hour, rps in enumerate((5, 8.5, 0, 12))
    )
    return made


_MOE = {
    "model": "moe",
    "engines": [
        engine("p", "prefill", drain_s=30),
        divided("halves", "decode", part_ratio={"min": 0.5, "max": 4}),
    ],
}
OWN = b"gpu,gpus,phase,batch,tokens,context,latency_ms,source\n" + b"".join(
    [
        *(f"H100-SXM-80GB,4,prefill,{b},{t},,{10 + 0.05 * b * t + b:g},measured\n".encode()
          for b in (1, 2, 4) for t in (256, 1024, 2048)),
        *(f"H100-SXM-80GB,4,decode,{b},,{c},{15 + 0.1 * b + 2e-5 * b * c:g},\n".encode()
          for b in (1, 8, 32, 64) for c in (512, 2048)),
    ]
)  # fmt: skip


def _on_scenarios(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    plans = ("plan.json", "schedule.csv", "report.html")
    for name, files, forms in _scenarios():
        dear = 2 if name == "rich" else 0
        whole = Start(f"validate {name}", ("validate", "."), files, forms, odds=24)
        yield whole
        yield replace(whole, name=f"plan {name}", args=("plan", ".", *LIMIT), odds=dear or 10)
        yield replace(
            whole, name=f"plan --json {name}", args=("plan", ".", "--json", *LIMIT), odds=dear or 4
        )
        yield replace(
            whole, name=f"plan --out {name}", args=("plan", "scenario.yaml", "--out", "o", *LIMIT),
            outputs=tuple(f"o/{each}" for each in plans), odds=1,
        )  # fmt: skip
        for form in ("text", "json", "github"):
            args = ("check", ".", "--format", form, *LIMIT)
            yield replace(whole, name=f"check {form} {name}", args=args, odds=1 if dear else 2)
        junit = ("check", ".", "--junit", "j.xml", "--min-headroom", "0.05", *LIMIT)
        yield replace(whole, name=f"check --junit {name}", args=junit, outputs=("j.xml",))
    for name, files, _ in _scenarios():
        if "placement.csv" in made.get(name, {}):
            placed = files | {"now.csv": made[name]["placement.csv"]}
            yield Start(
                f"plan --current {name}", ("plan", ".", "--current", "now.csv", *LIMIT), placed,
                {"now.csv": "csv"}, odds=5 if name == "rich" else 14,
            )  # fmt: skip
    small = ScenarioFiles(Path())
    fitted = files_of(small) | {"profile.yaml": made["profile"]["made.yaml"]}
    yield Start("validate fitted", ("validate", "."), fitted, _FORMS, odds=4)


def _on_plans(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    for name, files in made.items():
        if "plan.json" not in files:
            continue
        plan, forms = {"plan.json": files["plan.json"]}, {"plan.json": "json"}
        for args in (("explain", "plan.json"), ("explain", "plan.json", "--json")):
            yield Start(f"{' '.join(args)} {name}", args, plan, forms, odds=8)
        for form in ("crontab", "csv", "json", "keda"):
            args = ("export", "plan.json", "--format", form)
            yield Start(f"export {form} {name}", args, plan, forms, odds=7)
        args = ("export", "plan.json", "--format", "csv", "--out", "s.csv")
        yield Start(f"export --out {name}", args, plan, forms, outputs=("s.csv",))


def own_trace(days: int) -> str:
    rows = (
        f"2026-11-{2 + day:02}T{hour:02}:00,{4 + hour % 12},1000,200\n"
        for day in range(days)
        for hour in range(24)
    )
    return "interval_start,rps,isl,osl\n" + "".join(rows)


def _lines(each: Any, count: int = 40) -> bytes:
    return "".join(json.dumps(each(i)) + "\n" for i in range(count)).encode()


def _dynamo(i: int) -> dict[str, Any]:
    replay = {"trace_block_size": 64, "input_length": 100, "input_sequence_hashes": [i, 7]}
    request = {"request_id": f"r{i}", "output_tokens": 16, "replay": replay,
               "request_received_ms": 1_777_312_800_000 + 60_000 * i}  # fmt: skip
    return {"event_type": "request_end", "event_time_unix_ms": 1_777_312_801_000 + 60_000 * i,
            "request": request}  # fmt: skip


def _prometheus() -> bytes:
    def series(name: str, step: int) -> dict[str, Any]:
        labels = {"__name__": name, "pod": "a", "model_name": "m"}
        samples = [[1_800_000_000 + 60 * i, str(step * i)] for i in range(60)]
        return {"metric": labels, "values": samples}

    names = {"request_success": 60, "prompt_tokens": 60_000, "generation_tokens": 6_000}
    found = [series(f"vllm:{name}_total", step) for name, step in names.items()]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": found}}
    ).encode()


def _traces(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, str, bytes, list[str]]]:
    """Name, form, content and options of each."""
    azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
        f"2026-11-{23 + i // 24:02} {i % 24:02}:{i % 60:02}:00.{i:07},{100 + i},{10 + i % 7}\n"
        for i in range(60)
    )
    vidur = "arrived_at,num_prefill_tokens,num_decode_tokens\n" + "".join(
        f"{60.5 * i},{100 + i},{10 + i}\n" for i in range(60)
    )
    header = "day,window_start_s,req_per_s,active_clients,req_per_s_with_lengths,"
    header += "mean_input_tokens,mean_output_tokens,input_tok_per_s_scaled\n"
    servegen = header + "".join(f"0,{600 * i},{2 + i % 5},4,1,900,90,5\n" for i in range(40))
    day = ["--start", "2026-11-23"]
    yield "azure.csv", "csv", azure.encode(), []
    yield "azure.csv.gz", "gz", gzip.compress(azure.encode(), mtime=0), []
    yield "vidur.csv", "csv", vidur.encode(), day
    yield "servegen.csv", "csv", servegen.encode(), day
    yield "own.csv", "csv", own_trace(days=3).encode(), []
    ids = {"hash_ids": [1, 2]}
    lengths = {"input_length": 700, "output_length": 5}
    yield "mooncake.jsonl", "jsonl", _lines(
        lambda i: {"timestamp": 60_000 * i, **lengths, **ids}
    ), [*day, "--prefix-cache", "5000"]  # fmt: skip
    yield "bailian.jsonl", "jsonl", _lines(lambda i: {
        "chat_id": i, "parent_chat_id": -1, "timestamp": 60.5 * i, **lengths, "type": "text",
        "turn": 1, **ids}), day  # fmt: skip
    yield "ragpulse.jsonl", "jsonl", _lines(lambda i: {
        "timestamp": str(60 * i), **lengths, "hash_ids": {"history": [1]}}), day  # fmt: skip
    yield "dynamo.jsonl", "jsonl", _lines(_dynamo), []
    yield "prometheus.json", "json", _prometheus(), []
    columns = ["--map", "timestamp=ts,isl=in,osl=out"]
    table = "ts,in,out,user\n" + "".join(
        f"2026-11-23T{i % 24:02}:00:00Z,{50 + i},{5 + i},u\n" for i in range(40)
    )
    yield "table.csv", "csv", table.encode(), columns
    for name, content in made["parquet"].items():
        yield name, "parquet", content, [] if name.startswith("azure") else day


def _on_traces(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    events = _yaml({"events": [{"name": "sale", "start": "2026-11-24T01:00",
                                "end": "2026-11-24T03:00", "multiplier": 2}]})  # fmt: skip
    outputs = ("a.csv", "b.html", "c.json", "k.csv")
    written = ("--out", "a.csv", "--out", "b.html", "--out", "c.json", "--classes", "k.csv")
    for name, form, content, options in _traces(made):
        refused = name.partition(".")[0].partition("-")[2] in REFUSED
        plain = Start(f"demand {name}", ("demand", name, *options, *ALIKE), {name: content},
                      {name: form}, code=2 if refused else 0, odds=1 if refused else 6)  # fmt: skip
        yield plain
        if refused:
            continue
        yield replace(plain, name=f"demand classes {name}", args=("demand", name, *options), odds=1)
        yield replace(plain, name=f"demand --json {name}", args=(*plain.args, "--json"), odds=2)
        yield replace(plain, name=f"demand --out - {name}", args=(*plain.args, "--out", "-"))
        yield replace(plain, name=f"demand --out {name}", args=(*plain.args, *written),
                      outputs=outputs, odds=1)  # fmt: skip
    own = {"own.csv": own_trace(days=5).encode(), "events.yaml": events}
    yield Start("demand --events", ("demand", "own.csv", "--events", "events.yaml"), own,
                {"events.yaml": "yaml"}, odds=6)  # fmt: skip
    yield Start("demand --backtest", ("demand", "own.csv", "--backtest"), own,
                {"own.csv": "csv"}, odds=3)  # fmt: skip


def _npz(arrays: Mapping[str, Any]) -> bytes:
    made = io.BytesIO()
    np.savez(made, **{name: np.array(each) for name, each in arrays.items()})
    return made.getvalue()


def _measurements() -> Iterator[tuple[str, str, bytes, list[str]]]:
    """Name, form, content and options of each."""
    gpu, both = ["--gpu", "H100-SXM-80GB"], ["--gpu", "H100-SXM-80GB", "--tp", "4"]
    slo = ["--isl", "1000", "--osl", "100", "--ttft-ms", "2000", "--itl-ms", "60"]
    yield "own.csv", "csv", OWN, [*slo, "--kv-tokens", "400000", "--kv-bytes-per-token", "100000"]
    splitwise = (
        "model,hardware,prompt_size,batch_size,token_size,peak_power,average_power,"
        "prompt_time,token_time,e2e_time,tensor_parallel\n"
    ) + "".join(
        f"llama2-70b,a100-80gb,{p},{b},128,0,0,{20 + p * b / 10},{30 + b},0,2\n"
        for p in (256, 512, 1024)
        for b in (1, 2, 4)
    )
    yield "splitwise.csv", "csv", splitwise.encode(), []
    prefill = {"prefill_isl": [100, 1000, 2000, 4000, 8000],
               "prefill_ttft": [20.0, 35.0, 50.0, 120.0, 300.0],
               "prefill_thpt_per_gpu": [2500.0, 14285.7, 20000.0, 16666.7, 13333.3]}  # fmt: skip
    usage, contexts = (0.01, 0.1, 0.3, 0.5, 0.8), (100.0, 1000.0, 4000.0)
    grid = [(share, context) for share in usage for context in contexts]
    batches = [share * 100_000 / context for share, context in grid]
    steps_ms = [4 + 0.1 * b + 2e-5 * b * c for b, (_, c) in zip(batches, grid, strict=True)]
    decode = {
        "x_kv_usage": [share for share, _ in grid],
        "y_context_length": [context for _, context in grid],
        "z_itl": steps_ms,
        "z_thpt_per_gpu": [b / ms * 1000 / 4 for b, ms in zip(batches, steps_ms, strict=True)],
        "max_kv_tokens": [100_000],
    }
    yield "decode.npz", "npz", _npz(decode), both
    yield "prefill.npz", "npz", _npz(prefill), [*gpu, "--tp", "2"]
    yield "dynamo.json", "json", json.dumps(decode).encode(), both
    yield "infera.json", "json", json.dumps(test_infera.PROFILE).encode(), gpu
    distserve = {"m": {"2": test_distserve.ENGINE, "4": test_distserve.ENGINE}}
    yield "distserve.json", "json", json.dumps(distserve).encode(), [*gpu, *slo]
    helix = "machine,phase,batch_tokens,time_ms_per_layer\n" + "".join(
        f"a100,{phase},{n},{0.5 + n / 500}\n"
        for phase in ("prompt", "decode")
        for n in (1, 8, 50, 100, 250)
    )  # fmt: skip
    yield "helix.csv", "csv", helix.encode(), ["--layers", "80", "--context-tokens", "1000"]
    header = (
        "model,system,backend,backend_version,tp,phase,context_len,batch_size,ttft_ms,tpot_ms,"
        "tok_per_s_per_gpu,memory_gib_per_gpu,kv_cache_warning\n"
    )
    rows = [
        f"m,h200_sxm,vllm,1,4,{phase},{c},{b},{t if phase == 'prefill' else ''},"
        f"{t if phase == 'decode' else ''},1,30,False\n"
        for phase in ("prefill", "decode")
        for c, b, t in ((512, 1, 20), (2048, 1, 60), (2048, 8, 200), (512, 8, 90))
    ]
    yield "aiconfigurator.csv", "csv", (header + "".join(rows)).encode(), []
    names = ["batch_size", *test_silicon.ROW]
    silicon = ",".join(names) + "\n" + "".join(
        ",".join(["", *({**test_silicon.ROW, "id": f"c{c}", "silicon_ttft_ms": str(50 + c),
                         "silicon_tpot_ms": str(5 + c),
                         "silicon_data_source": test_silicon.SOURCE.format(c)}).values()]) + "\n"
        for c in (1, 4, 16, 64)
    )  # fmt: skip
    yield "silicon.csv", "csv", silicon.encode(), []
    runs = [{"mean_ttft_ms": 100.0 * i, "mean_tpot_ms": 10.0 + i} for i in range(1, 6)]
    vllm = [test_vllm.RESULT | {"failed": 0} | run for run in runs]
    yield "vllm.json", "jsonl", _lines(lambda i: vllm[i], 5), both
    yield "sglang.jsonl", "jsonl", _lines(lambda i: test_vllm.SGLANG | runs[i], 5), both
    yield "aibrix.json", "json", json.dumps(test_aibrix.PROFILE).encode(), [
        *both, "--isl", "128", "--osl", "4"]  # fmt: skip


def _runs() -> Iterator[tuple[str, str, Mapping[str, bytes], list[str]]]:
    """Of formats with a file a run: name, form, files and options of each."""
    both = ["--gpu", "H100-SXM-80GB", "--tp", "4"]
    latency = "results.request_performance.aggregate.latency"
    kinds: list[tuple[str, str, list[str], Mapping[str, Any], tuple[str, str]]] = [
        ("aiperf", "json", both, test_aiperf.EXPORT,
         ("time_to_first_token.avg", "request_latency.avg")),
        ("inference-perf", "json", both, test_inference_perf.STAGE,
         ("successes.latency.time_to_first_token.mean", "successes.latency.request_latency.mean")),
        ("llm-d", "yaml", [], test_llmd.REPORT,
         (f"{latency}.time_to_first_token.mean", f"{latency}.request_latency.mean")),
    ]  # fmt: skip
    for name, form, options, whole, (first, all_of_it) in kinds:
        files = {}
        for number in range(4):
            before = {path: _at(whole, path) for path in (first, all_of_it)}
            made = changed(dict(whole), first, before[first] * (1 + 0.5 * number))
            made = changed(made, all_of_it, before[all_of_it] * (1 + 0.5 * number))
            text = json.dumps(made) if form == "json" else yaml.safe_dump(made)
            files[f"{name}{number}.{form}"] = text.encode()
        yield name, form, files, options


def _at(whole: Any, path: str) -> Any:
    for step in path.split("."):
        whole = whole[step]
    return whole


def _on_measurements(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    alone = [(name, form, {name: content}, options)
             for name, form, content, options in _measurements()]  # fmt: skip
    for name, form, files, options in (*alone, *_runs()):
        plain = Start(f"fit {name}", ("fit", *files, *options), files,
                      dict.fromkeys(files, form), odds=5)  # fmt: skip
        yield plain
        model = () if "model" in name else ("--model", "m")
        yield replace(plain, name=f"fit --out - {name}",
                      args=(*plain.args, *model, "--out", "-"), odds=3)  # fmt: skip
        yield replace(plain, name=f"fit --out {name}", outputs=("p.yaml", "p.html"),
                      args=(*plain.args, *model, "--out", "p.yaml", "--out", "p.html"))  # fmt: skip


def parsed(content: bytes, form: str) -> Any:
    """The content of a document as a tree."""
    if form == "yaml":
        return tree(yaml.safe_load(content))
    if form == "jsonl":
        return [tree(json.loads(line)) for line in content.splitlines()]
    return tree(json.loads(content))
