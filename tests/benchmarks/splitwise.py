"""Splitwise's clusters planned anew: `python -m tests.benchmarks.splitwise`.

By hand, with the real data beside the repository; a minute, baselines three to five each. The
question is that of splitwise-sim (Patel et al., ISCA 2024): the fewest machines of each cluster
that keep nine SLOs at 70 requests/s of the Azure code trace. Each SLO is a multiple of what a
request takes alone on an idle DGX-A100, whatever serves it, so classes of like lengths have
absolute targets of their own here: TTFT the multiple of the prefill (with a decode step on top
where prefill is apart, which Splitwise does not count), ITL the multiple of a step. Three plans,
one for the targets at P50, P90 and P99 each; the cluster has the most machines that one of them
asks for of each role. A decode step grows with its sequences here, as it was measured; there it
lasts as long as alone, and machines of either role do the other's work when theirs are full.

splitwise-sim's own runs judge the result: it passes where a run with no more machines passed, it
fails where one with no fewer failed, and was not run in between. With `--replay` our own simulator
says the slowdowns of the cluster, at 70 requests/s drawn with the lengths of the classes, and how
many prompt machines more keep E2E too.
"""

import argparse
import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from scipy.optimize import nnls

import heteroplan
from heteroplan.inputs.ready import FOLDER
from tests.benchmarks.markdown import header, row
from tests.realdata import DATA

RPS, CLASSES = 70.0, 16
ANSWERS = (0.25, 0.5, 0.9)
"""Shares of the requests up to which their answers are a class."""
MIXED = 1.1
"""Of its prefill alone, what a step takes that decodes as well."""
MOST_MORE = 6
"""Machines that are added to a plan so that all SLOs hold."""
REPLAYED = (
    "P50, P90, P99 of slowdowns by replay",
    "all nine hold by replay",
    "their slowdowns",
    "splitwise-sim of them",
)
A100, H100 = "A100-SXM-80GB", "H100-SXM-80GB"
COST = {A100: 2.21, H100: 4.76}
"""Relative, of a machine, as upstream has it."""
NAMES = {A100: "a100", H100: "h100"}
TARGETS = ((0.5, 2.0, 1.25), (0.9, 3.0, 1.5), (0.99, 6.0, 5.0))
"""Percentile, slowdown of TTFT and of TBT."""
FLEET = {
    "name": "large",
    "node_types": [
        {
            "name": NAMES[gpu],
            "gpu": gpu,
            "gpus": 8,
            "nic_gbit_per_s": 3200,
            "usd_per_gpu_hour": cost / 8,
        }
        for gpu, cost in COST.items()
    ],
    "nodes": dict.fromkeys(NAMES.values(), 400),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """GPUs of the machines of each role; of a baseline one machine has both."""

    name: str
    prefill: str = ""
    decode: str = ""
    aggregated: str = ""


CLUSTERS = (
    Cluster("Splitwise-AA", A100, A100),
    Cluster("Splitwise-HH", H100, H100),
    Cluster("Splitwise-HA", H100, A100),
    Cluster("Baseline-H100", aggregated=H100),
    Cluster("Baseline-A100", aggregated=A100),
)


def engines(cluster: Cluster) -> list[dict[str, Any]]:
    """Decode of the ready profile, fitted to Splitwise's own measurements, and `prefill`."""
    ready = yaml.safe_load((FOLDER / "llama-2-70b.yaml").read_text())["engines"]

    def found(gpu: str, role: str) -> dict[str, Any]:
        name = f"{NAMES[gpu]}-tp8-{role}"
        return next(dict(each) for each in ready if each["name"] == name)

    if cluster.aggregated:
        both = {"name": "both", "role": "aggregated"} | prefill(cluster.aggregated, mixed=True)
        return [found(cluster.aggregated, "decode") | both]
    return [
        found(cluster.prefill, "prefill") | prefill(cluster.prefill),
        found(cluster.decode, "decode"),
    ]


def prefill(gpu: str, *, mixed: bool = False) -> dict[str, Any]:
    """The curve nearest to the table, between whose points splitwise-sim interpolates, over the

    prompts of the trace. A `mixed` step is a decode step and prefill here, but `MIXED` times the
    prefill alone there.
    """
    prompts, _ = trace()
    times_ms = np.interp(prompts, *alone("prompt_time", gpu))
    if mixed:
        times_ms = np.maximum(0.0, MIXED * times_ms - step_alone_ms(gpu))
    curve, _ = nnls(np.vander(prompts, 3), times_ms)
    names = ("ms_per_token_squared", "ms_per_token", "overhead_ms")
    return {"prefill": dict(zip(names, map(float, curve), strict=True))}


def step_alone_ms(gpu: str) -> float:
    """A decode step of few sequences."""
    return alone("token_time", gpu)[1][0]


@cache
def alone(column: str, gpu: str = A100) -> tuple[list[int], list[float]]:
    """Tokens of a batch, and the median of all batches of as many on a DGX [ms].

    Whether they are one prompt or several: so splitwise-sim groups them, also for what a request
    takes alone.
    """
    found: dict[int, list[float]] = {}
    with (DATA / "perf" / "splitwise_sim_perf_model_llama2-70b.csv").open() as file:
        for each in csv.DictReader(file):
            if (each["hardware"], each["tensor_parallel"]) == (f"{NAMES[gpu]}-80gb", "8"):
                tokens = int(each["prompt_size"]) * int(each["batch_size"])
                found.setdefault(tokens, []).append(float(each[column]))
    return sorted(found), [median(found[size]) for size in sorted(found)]


def trace() -> tuple[Any, Any]:
    """Input and output tokens of the requests."""
    with (DATA / "traces" / "azure_llm_2023_code.csv").open() as file:
        rows = [(int(r["ContextTokens"]), int(r["GeneratedTokens"])) for r in csv.DictReader(file)]
    prompts, answers = (np.array(each, float) for each in zip(*rows, strict=True))
    return prompts, answers


def classes(
    percentile: float, ttft: float, itl: float, *, aggregated: bool
) -> list[dict[str, Any]]:
    """Of the code trace, by lengths of prompts and answers, independent as upstream draws them.

    splitwise-sim divides the time of T - 1 gaps by T tokens. An aggregated replica has the first
    token at the end of prefill, as all have there.
    """
    prompts, answers = (np.sort(each) for each in trace())
    answered = np.split(answers, [round(at * len(answers)) for at in ANSWERS])
    step_ms = float(np.interp(prompts.mean(), *alone("token_time")))
    made = []
    for (number, part), answer in product(enumerate(np.array_split(prompts, CLASSES)), answered):
        isl, osl = float(part.mean()), float(answer.mean())
        itl_ms = itl * step_ms * osl / (osl - 1.0)
        ttft_ms = ttft * float(np.interp(isl, *alone("prompt_time")))
        if not aggregated:
            ttft_ms += itl_ms
        made.append(
            {
                "name": f"c{number}, answers of {osl:.0f}",
                "share": len(answer) / len(answers) / CLASSES,
                "isl": isl,
                "osl": osl,
                "isl_cv": float(part.std() / isl),
                "osl_cv": float(answer.std() / osl),
                "slo": {"ttft_ms": ttft_ms, "itl_ms": itl_ms}
                | dict.fromkeys(("ttft_percentile", "itl_percentile"), percentile),
            }
        )
    return made


def planned(
    cluster: Cluster, target: Sequence[float], folder: Path, least: dict[str, int] | None = None
) -> heteroplan.PlanResult:
    """The plan for the targets at one percentile, with so many machines of each role at least."""
    files = {
        "fleet.yaml": FLEET,
        "profile.yaml": {"model": "llama-2-70b", "engines": engines(cluster)},
        "scenario.yaml": {
            "name": "splitwise",
            "fleet": "fleet.yaml",
            "horizon": {"start": "2026-11-23", "intervals": 2, "interval": "10min"},
            "workloads": [
                {
                    "name": "code",
                    "model": "llama-2-70b",
                    "profile": "profile.yaml",
                    "demand": "demand.csv",
                    "classes": classes(*target, aggregated=bool(cluster.aggregated)),
                    "slo": {"ttft_ms": 10_000, "itl_ms": 1000}
                    | dict.fromkeys(("ttft_percentile", "itl_percentile"), target[0]),
                    "affinity": "cluster",
                    "allow_extrapolation": True,
                    "min_replicas": least or {},
                }
            ],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))
    rows = [f"2026-11-23T00:{minute},{RPS}" for minute in ("00", "10")]
    (folder / "demand.csv").write_text("\n".join(["interval_start,rps", *rows, ""]))
    return heteroplan.plan(folder)


def machines(result: heteroplan.PlanResult) -> Counter[str]:
    """Replicas by role, of 8 GPUs each."""
    found: Counter[str] = Counter()
    for pool in result.plan.pools:
        found[pool.role.value] += max(pool.replicas)
    return found


def runs(cluster: Cluster) -> Iterator[tuple[int, int, bool]]:
    """Machines of splitwise-sim's runs and whether they kept all nine SLOs."""
    for each in published()["runs"]:
        if (each["trace"], each["system"]) == ("code", cluster.name):
            yield each["prompt"], each["token"] or 0, each["ok"]


def published() -> dict[str, Any]:
    """Runs of splitwise-sim at 70 requests/s."""
    found: dict[str, Any] = json.loads((DATA / "peers" / "splitwise_sim_70rps.json").read_text())
    return found


def verdict(cluster: Cluster, first: int, token: int) -> str:
    """What splitwise-sim says of so many machines."""
    found = list(runs(cluster))
    if any(ok and p <= first and t <= token for p, t, ok in found):
        return "passes"
    if any(not ok and p >= first and t >= token for p, t, ok in found):
        return "fails"
    return "not run"


def raised(cluster: Cluster, folder: Path, counts: dict[str, int]) -> tuple[dict[str, int], str]:
    """Machines that keep all nine SLOs by replay, E2E included, which plans have no target for.

    One prompt (or mixed) machine more at a time, as queues are what E2E is made of.
    """
    role = "aggregated" if cluster.aggregated else "prefill"
    for more in range(MOST_MORE + 1):
        enough = counts | {role: counts[role] + more}
        text, held = slowdowns(cluster, folder, enough)
        if held:
            break
    return enough, text


def slowdowns(cluster: Cluster, folder: Path, counts: dict[str, int]) -> tuple[str, bool]:
    """P50, P90 and P99 of TTFT, TBT and E2E by replay, and whether all are below their targets."""
    planned(cluster, TARGETS[0], folder, counts).write(folder / "plan")
    found = heteroplan.replay(folder / "plan" / "plan.json", policy="plan", routing="least_loaded")
    stream, table = found.stream, found.replay.policies[0].requests
    assert stream is not None
    assert table is not None
    ended = table.outcome == 0
    prompt_ms = np.interp(stream.isl, *alone("prompt_time"))[ended]
    step_ms = np.interp(stream.isl, *alone("token_time"))[ended]
    gaps = stream.osl[ended] - 1
    began_ms, first_ms, last_ms = (
        1000.0 * each[ended] for each in (table.arrived_s, table.first_token_s, table.last_token_s)
    )
    if not cluster.aggregated:
        # Splitwise's first token is that of prefill.
        began_ms += 1000.0 * table.step_alone_s[ended]
    found_by_name = {
        "TTFT": (first_ms - began_ms) / prompt_ms,
        "TBT": ((last_ms - first_ms) / (gaps + 1) / step_ms)[gaps > 0],
        "E2E": (last_ms - began_ms) / (prompt_ms + step_ms * gaps),
    }
    texts, held = [], True
    for name, values in found_by_name.items():
        at = np.percentile(values, [100 * p for p, *_ in TARGETS])
        limits = [ttft if name == "TTFT" else itl for _, ttft, itl in TARGETS]
        held = held and bool((at < limits).all())
        texts.append(f"{name} " + ", ".join(f"{each:.2f}" for each in at))
    return "; ".join(texts), held


def counts_text(counts: dict[str, int]) -> str:
    return " + ".join(
        str(counts[role]) for role in ("prefill", "decode", "aggregated") if role in counts
    )


def main() -> None:
    """All clusters, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(each.name for each in CLUSTERS))
    parser.add_argument(
        "--replay", action="store_true", help="Replay the cluster at each percentile."
    )
    asked = parser.parse_args()
    header(
        f"Splitwise's clusters at {RPS:g} requests/s, code trace",
        "Machines (prompt + token, or mixed) that each percentile asks for, those that keep all, "
        "and splitwise-sim's cheapest.",
        (
            "cluster",
            *(f"P{100 * p:g}" for p, *_ in TARGETS),
            "planned",
            "cost",
            "splitwise-sim",
            "cost",
            "splitwise-sim of the plan",
            *(REPLAYED * asked.replay),
        ),
    )
    for cluster in CLUSTERS:
        if asked.names and cluster.name not in asked.names:
            continue
        with tempfile.TemporaryDirectory() as name:
            show(cluster, Path(name), replays=asked.replay)


def show(cluster: Cluster, folder: Path, *, replays: bool) -> None:
    """A row of the table."""
    each = [machines(planned(cluster, target, folder)) for target in TARGETS]
    most = {role: max(counts[role] for counts in each) for role in each[0]}
    gpus = {"prefill": cluster.prefill, "decode": cluster.decode, "aggregated": cluster.aggregated}
    cost = sum(count * COST[gpus[role]] for role, count in most.items())
    cheapest = next(
        found
        for found in published()["cheapest"]
        if (found["trace"], found["system"]) == ("code", cluster.name)
    )
    first, token = most.get("prefill", most.get("aggregated", 0)), most.get("decode", 0)
    of_plan = verdict(cluster, first, token)
    judged = []
    if replays:
        enough, text = raised(cluster, folder, most)
        first, token = enough.get("prefill", enough.get("aggregated", 0)), enough.get("decode", 0)
        judged = [slowdowns(cluster, folder, most)[0], counts_text(enough), text]
        judged.append(verdict(cluster, first, token))
    row(
        cluster.name,
        *map(counts_text, each),
        counts_text(most),
        f"{cost:.2f}",
        " + ".join(str(n) for n in (cheapest["prompt"], cheapest["token"]) if n is not None),
        f"{cheapest['cost']:.2f}",
        of_plan,
        *judged,
    )


if __name__ == "__main__":
    main()
