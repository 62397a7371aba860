"""Commands on files that are in order: what a case spoils."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz import recorded
from tests.fuzz.trees import tree
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
        *_on_fleets(),
        *_on_sizes(),
        *(Start(f"schema {kind}", ("schema", kind), {}) for kind in ("scenario", "plan")),
        Start("profiles", ("profiles",), {}, odds=3),
        Start("profiles --json", ("profiles", "--json"), {}, odds=2),
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
    fit = Start("profile", ("fit", "m.csv", *given, "--out", "made.yaml"), {"m.csv": recorded.OWN},
                outputs=("made.yaml",))  # fmt: skip
    return (*plans, fit)


def _yaml(plain: Any) -> bytes:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()


def _scenarios() -> Iterator[tuple[str, dict[str, bytes], dict[str, str]]]:
    """Name, files and forms of each."""
    small = ScenarioFiles(Path())
    yield "small", files_of(small), _FORMS
    yield "rich", {**files_of(_rich()), "moe.yaml": _yaml(_MOE), "m.csv": recorded.OWN,
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
    traced.demand = recorded.own_trace(days=3)
    yield "traced", files_of(traced), _FORMS
    classed = ScenarioFiles(Path())
    classed.workload["classes"] = "classes.csv"
    del classed.workload["requests"]
    classes = b"class,share,isl,osl\nchat,0.75,1000,200\ncode,0.25,8000,100\n"
    yield "classed", files_of(classed) | {"classes.csv": classes}, _FORMS | {"classes.csv": "csv"}
    yield "promised", files_of(promised()) | {"arrivals.csv": ARRIVALS}, _FORMS | {
        "arrivals.csv": "csv"}  # fmt: skip
    relative = ScenarioFiles(Path())
    relative.workload |= {
        "routing": "round_robin", "arrivals": {"dispersion": 5},
        "requests": {"isl": 1000, "osl": 100, "isl_cv": 0.5, "osl_cv": 0.5},
        "slo": {"ttft_slowdown": 5, "itl_slowdown": 3, "ttft_percentile": 0.95,
                "itl_percentile": 0.9, "itl_of": "token"},
    }  # fmt: skip
    relative.profile["engines"] = _with_formulas()
    yield "relative", files_of(relative), _FORMS


ARRIVALS = b"scale_s,percentile,prefill,decode\n" + b"".join(
    f"{scale},{percentile},{2 + index},{3 + index}\n".encode()
    for index, scale in enumerate((0.1, 1, 10))
    for percentile in (0.9, 0.99)
)

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
        "allow_extrapolation": True, "kv_transfer": "missed", "route_by_class": False,
        "prefill_queue": "per_replica",
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


def promised() -> ScenarioFiles:
    """Classes with targets of their own, a routing by role, and measured arrivals."""
    made = ScenarioFiles(Path())
    del made.workload["requests"]
    own = {"ttft_slowdown": 4, "itl_ms": 80, "itl_slowdown": 3, "percentile": 0.9}
    made.workload |= {
        "classes": [
            {"name": "a", "share": 0.6, "isl": 800, "osl": 100, "isl_cv": 1, "osl_cv": 1},
            {"name": "b", "share": 0.4, "isl": 2000, "osl": 200, "osl_cv": 0.5, "slo": own},
        ],
        "slo": {"ttft_ms": 2000, "itl_ms": 60, "percentile": 0.95, "ttft_percentile": 0.96},
        "routing": {"prefill": "random", "decode": "least_loaded", "aggregated": "shared"},
        "arrivals": "arrivals.csv",
    }  # fmt: skip
    made.profile["engines"] = _with_formulas()
    made.leaf["nodes"]["h100x8"] = 4
    return made


def _with_formulas() -> list[dict[str, Any]]:
    """A prefill and a decode engine without `capacity_rps`, the latter good beyond its range."""
    return [
        engine("p", "prefill", capacity_rps=None,
               prefill={"overhead_ms": 10, "ms_per_token": 0.05, "ms_per_token_squared": 1e-6},
               range={"batch_tokens": [1, 65536]}),
        engine("d", "decode", capacity_rps=None, max_sequences=128,
               decode={"base_ms": 15, "ms_per_sequence": 0.1, "ms_per_context_token": 2e-5},
               range={"batch": [1, 64], "context": [1, 65536], "kv_tokens": [1, 300_000]},
               source={"kind": "fitted", "error_mape": 0.02, "error_beyond": 0.1}),
    ]  # fmt: skip


_MOE = {
    "model": "moe",
    "engines": [
        engine("p", "prefill", drain_s=30),
        divided("halves", "decode", part_ratio={"min": 0.5, "max": 4}),
    ],
}


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
        for form in ("text", "json", "github", "markdown"):
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
        args: tuple[str, ...]
        for args in (("explain", "plan.json"), ("explain", "plan.json", "--json")):
            yield Start(f"{' '.join(args)} {name}", args, plan, forms, odds=8)
        for form in ("crontab", "csv", "json", "keda", "router", "httproute", "envoy"):
            args = ("export", "plan.json", "--format", form)
            args += ("--at", "2026-11-23T01:00") if form in ("httproute", "envoy") else ()
            yield Start(f"export {form} {name}", args, plan, forms, odds=7)
        beside, both = plan | {"old.json": files["plan.json"]}, forms | {"old.json": "json"}
        for args in (
            ("compare", "old.json", "plan.json"),
            ("compare", "old.json", "plan.json", "--markdown"),
        ):
            yield Start(f"{' '.join(args)} {name}", args, beside, both, odds=4)
        args = ("export", "plan.json", "--format", "csv", "--out", "s.csv")
        yield Start(f"export --out {name}", args, plan, forms, outputs=("s.csv",))


def _on_traces(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    events = _yaml({"events": [{"name": "sale", "start": "2026-11-24T01:00",
                                "end": "2026-11-24T03:00", "multiplier": 2}]})  # fmt: skip
    outputs = ("a.csv", "b.html", "c.json", "k.csv")
    written = ("--out", "a.csv", "--out", "b.html", "--out", "c.json", "--classes", "k.csv")
    for name, form, content, options in recorded.traces(made):
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
        yield replace(plain, name=f"demand --arrivals {name}", outputs=("f.csv", "r.csv"),
                      args=(*plain.args, "--out", "f.csv", "--arrivals", "r.csv"))  # fmt: skip
    own = {"own.csv": recorded.own_trace(days=5).encode(), "events.yaml": events}
    yield Start("demand --events", ("demand", "own.csv", "--events", "events.yaml"), own,
                {"events.yaml": "yaml"}, odds=6)  # fmt: skip
    yield Start("demand --backtest", ("demand", "own.csv", "--backtest"), own,
                {"own.csv": "csv"}, odds=3)  # fmt: skip


def _on_fleets() -> Iterator[Start]:
    fleet = _yaml(_rich().fleet)
    two = {"before.yaml": _yaml(ScenarioFiles(Path()).fleet), "fleet.yaml": fleet}
    for more in ((), ("--json",)):
        yield Start(f"fleet show {' '.join(more)}", ("fleet", "show", "fleet.yaml", *more),
                    {"fleet.yaml": fleet}, {"fleet.yaml": "yaml"}, odds=6)  # fmt: skip
        yield Start(f"fleet diff {' '.join(more)}",
                    ("fleet", "diff", "before.yaml", "fleet.yaml", *more), two,
                    {"fleet.yaml": "yaml"}, odds=6)  # fmt: skip
    for name, form, content in (("nodes.csv", "csv", recorded.NODES_CSV),
                                ("nodes.json", "json", recorded.NODES_JSON)):  # fmt: skip
        args = ("fleet", "import", name, "--price=2", "--nic-gbit-per-s=3200", "--out")
        plain = Start(f"fleet import {name}", (*args, "-"), {name: content}, {name: form}, odds=10)
        yield plain
        yield replace(plain, name=f"{plain.name} --out", odds=4, outputs=("f.yaml", "p.csv"),
                      args=(*args, "f.yaml", "--places", "p.csv"))  # fmt: skip


OFFERS = {
    "gpu_types": [{"name": "NEW", "memory_gib": 192}],
    "node_types": [{"name": "newx8", "gpu": "NEW", "gpus": 8, "nic_gbit_per_s": 3200,
                    "usd_per_gpu_hour": 5}],
    "offers": [
        {"name": "own", "node_type": "h100x8", "kind": "purchase", "usd_per_node": 280000,
         "years": 4, "usd_per_node_hour": 2, "lead_time_days": 80, "most_nodes": 9},
        {"name": "year", "node_type": "h100x8", "kind": "reserved", "years": 1,
         "usd_per_gpu_hour": 2.1, "places": ["l1"]},
        {"name": "spot", "node_type": "h100x8", "kind": "spot", "usd_per_gpu_hour": 1,
         "interruptions_per_node_hour": 0.1, "most_share": "40%"},
        {"name": "new", "node_type": "newx8", "kind": "on_demand", "usd_per_node_hour": 50},
    ],
    "existing": {"h100x8": {"usd_per_node_hour": 20, "buyout_usd_per_node": 100000,
                            "buyout_years": 3, "owned_usd_per_node_hour": 1}},
    "limits": {"budget_usd_per_month": 1e6, "rack_places": {"l1": 8}, "power_kw": {"s1": 100},
               "node_kw": {"h100x8": 10.2, "newx8": 12}},
    "spares": {"h100x8": {"failures_per_node_year": 1, "repair_hours": 48, "confidence": "95%"}},
    "growth": {"per_month": "3%", "quarters": 2},
    "today": {"chat": {"h100x8": 2}},
}  # fmt: skip


def _on_sizes() -> Iterator[Start]:
    """Sizes of mutated offers and scenarios, and a sweep of two cases."""
    small = files_of(ScenarioFiles(Path())) | {"offers.yaml": _yaml(OFFERS)}
    forms = _FORMS | {"offers.yaml": "yaml"}
    offers = ("--offers", "offers.yaml")
    yield Start("validate offers", ("validate", ".", *offers), small, forms, odds=6)
    args = ("size", ".", *offers, *LIMIT, "--no-compare")
    yield Start("size", (*args, "--out", "made"), small, forms, odds=4,
                outputs=tuple(f"made/{each}" for each in ("size.json", "fleet.yaml",
                                                          "report.html")))  # fmt: skip
    yield Start("size --json", (*args, "--json"), small, {"offers.yaml": "yaml"}, odds=4)
    yield Start("sweep", ("sweep", ".", "--vary", "demand=1,1.2", "--steps", "2", "--jobs", "1",
                          *LIMIT, "--json"), small, _FORMS, odds=3)  # fmt: skip


def _on_measurements(made: Mapping[str, Mapping[str, bytes]]) -> Iterator[Start]:
    alone = [(name, form, {name: content}, options)
             for name, form, content, options in recorded.measurements()]  # fmt: skip
    for name, form, files, options in (*alone, *recorded.runs_of_files()):
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
