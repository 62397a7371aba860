"""Real traces, ready engines and SLOs that the benchmark of request classes runs on."""

import ast
import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import yaml

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
    Role,
    Source,
    SourceKind,
    TtftCoefficients,
)
from heteroplan.forecasting.request_classes.classes import ClassShape, Grid
from heteroplan.forecasting.steps.counting import COUNTS as STEP_COUNTS
from heteroplan.forecasting.steps.counting import (
    INPUT_CELLS,
    OUTPUT_CELLS,
    SUMS,
    Columns,
    cell_table,
    count,
)
from heteroplan.inputs.ready import ready_profile
from tests.profiles.replica_simulation import Floats, classes_of
from tests.realdata import DATA

TRACES = DATA / "traces"
SAMPLED = 200_000
FINE = 16
"""Cells an octave of input tokens that stand for every request."""
PERCENTILES = (0.9, 0.95, 0.99)
ITLS_MS = {Role.PREFILL: (50.0,), Role.DECODE: (30.0, 50.0, 100.0), Role.AGGREGATED: (50.0, 100.0)}
TTFTS_MS = {
    Role.PREFILL: tuple(1000.0 * 2**each for each in range(9)),
    Role.DECODE: (256_000.0,),
    Role.AGGREGATED: (2000.0, 8000.0, 32_000.0),
}
PROFILES = ("llama-3.1-70b", "qwen3-32b", "deepseek-r1", "llama-3.1-8b")


@dataclass(frozen=True)
class Trace:
    """Lengths of its requests [tokens], one each way at least."""

    name: str
    isl: Floats
    osl: Floats

    def grid(self) -> Grid:
        """Its sums, as demand counts them."""
        shapes = np.zeros((1, INPUT_CELLS, OUTPUT_CELLS, SUMS))
        isl, osl = (each.astype(np.int64) for each in (self.isl, self.osl))
        none = np.zeros(0, np.int64)
        at = np.zeros(len(self.isl), np.int64)
        hours = np.zeros(1, np.int64)
        steps = np.zeros((1, STEP_COUNTS))
        count(Columns(at, isl, osl, none), 0, 1, hours, cell_table(), steps, shapes)
        return Grid.of(shapes[0])

    def every_request(self) -> tuple[RequestClass, ...]:
        """Classes so narrow that nothing is lost."""
        cells = np.floor(FINE * np.log2(self.isl)).astype(np.int64)
        return tuple(replace(each, isl_cv=0.0) for each in classes_of(self.isl, self.osl, cells))


def told(shapes: list[ClassShape | None]) -> tuple[RequestClass, ...]:
    """What a plan is told."""
    return tuple(
        RequestClass(
            str(at),
            each.share,
            each.isl,
            each.osl,
            max(0.0, each.hit_rate),
            each.cv,
            each.context,
            each.context_cv,
        )
        for at, each in enumerate(shapes)
        if each is not None
    )


def azure() -> Trace:
    """Azure 2023, code."""
    with (TRACES / "azure_llm_2023_code.csv").open() as file:
        rows = [
            (float(each["ContextTokens"]), float(each["GeneratedTokens"]))
            for each in csv.DictReader(file)
        ]
    return Trace("Azure code", *np.maximum(1.0, np.array(rows).T))


def mooncake() -> Trace:
    """Mooncake, conversation."""
    with gzip.open(TRACES / "mooncake_fast25_conversation.jsonl.gz", "rt") as file:
        rows = [(each["input_length"], each["output_length"]) for each in map(json.loads, file)]
    return Trace("Mooncake", *np.maximum(1.0, np.array(rows, float).T))


def deepseek_r1() -> Trace:
    """ServeGen, drawn from each client's lengths of each window, weighted by its rate."""
    random = np.random.default_rng(1)
    with gzip.open(TRACES / "servegen_deepseek-r1_token_pdfs.json.gz") as file:
        lengths = json.loads(file.read())
    weights: dict[tuple[str, str], float] = {}
    with gzip.open(TRACES / "servegen_deepseek-r1_client_rates.csv.gz", "rt") as lines:
        for each in csv.DictReader(lines):
            key = each["client"], str(int(float(each["window_start_s"])) // 21600 * 21600)
            weights[key] = weights.get(key, 0.0) + float(each["rate_rps"])
    rates = np.array(list(weights.values()))
    drawn: list[list[Floats]] = [[], []]
    draws = random.multinomial(SAMPLED, rates / rates.sum())
    for (client, window), requests in zip(weights, draws, strict=True):
        for found, field in zip(drawn, ("input_tokens", "output_tokens"), strict=True):
            pdf = ast.literal_eval(lengths[client][window][field])
            chances = np.array(list(pdf.values()))
            if requests:
                values = np.array(list(map(float, pdf)))
                found.append(random.choice(values, requests, p=chances / chances.sum()))
    return Trace("deepseek-r1", *(np.maximum(1.0, np.concatenate(each)) for each in drawn))


def engines(profile: str) -> list[Engine]:
    """Of a ready profile, whatever was measured."""
    kinds: tuple[tuple[str, Any], ...] = (
        ("prefill", PrefillCoefficients),
        ("decode", DecodeCoefficients),
        ("ttft", TtftCoefficients),
    )
    return [
        Engine(
            name=f"{profile}:{each['name']}",
            role=Role(each["role"]),
            gpu=each["gpu"],
            gpus=each["gpus"],
            source=Source(SourceKind.FITTED),
            kv_tokens=each.get("kv_tokens"),
            max_sequences=each.get("max_sequences"),
            **{name: kind(**each[name]) for name, kind in kinds if name in each},
        )
        for each in yaml.safe_load(ready_profile(profile).read_text())["engines"]
    ]


def fleet(every: int) -> dict[Role, list[Engine]]:
    """Prefill and decode of llama-2-70b, each `every`th aggregated engine, decoding alone too."""
    split = engines("llama-2-70b")
    whole = [each for name in PROFILES for each in engines(name)[::every]]
    alone = [replace(each, role=Role.DECODE) for each in whole]
    return {
        Role.PREFILL: [each for each in split if each.role is Role.PREFILL],
        Role.DECODE: [*(each for each in split if each.role is Role.DECODE), *alone],
        Role.AGGREGATED: [*whole, *(replace(each, ttft=None) for each in whole)],
    }


def cases(role: Role, of_role: list[Engine]) -> Iterator[tuple[Engine, Slo]]:
    """Each engine at every SLO that is sensible of any."""
    for engine, ttft, itl, percentile in product(
        of_role, TTFTS_MS[role], ITLS_MS[role], PERCENTILES
    ):
        yield engine, Slo(ttft, itl, percentile)
