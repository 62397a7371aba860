"""Figures on profiles: `python -m tests.benchmarks.profiles [TABLE...]`, all of them without any.

By hand, on the real measurements beside the repository; every table names what it is about.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import PrefillCoefficients, RequestClass, Role
from heteroplan.profiles.capacity.latency import prefill_ms, step_ms
from heteroplan.profiles.capacity.replica import Asked, replica_at
from heteroplan.profiles.fitting.end_to_end import errors_left_out, fit_runs
from heteroplan.profiles.fitting.fit import Fit, fit, settings_of
from heteroplan.profiles.fitting.fitted import of_runs
from heteroplan.profiles.fitting.report import fit_all
from heteroplan.profiles.measurement import Measurement, Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.benchmarks.markdown import header, percent, row
from tests.realdata import DATA

PERF = DATA / "perf"
PREFILLS = (
    "splitwise_sim_perf_model_llama2-70b.csv",
    "dynamo_H200_TP1P_TP1D_prefill_raw_data.npz",
)
EVERY, OFFSETS = 5, 3
SILICON = PERF / "aiconfigurator_silicon_sample_shared.csv"
MODELS = (
    "deepseek-ai/DeepSeek-R1",
    "meta-llama/Llama-3.1-70B",
    "meta-llama/Llama-3.1-8B-Instruct",
    "moonshotai/Kimi-K2.5",
    "nvidia/Llama-3.1-8B-Instruct-FP8",
    "Qwen/Qwen3-235B-A22B-FP8",
    "Qwen/Qwen3-32B",
    "Qwen/Qwen3.5-397B-A17B",
)
MAX_NUM_SEQS = 128
"""vLLM's default in the version that inference-perf measured."""
REPLICAS = 16
SPLITS = {
    "A": {7: 21.0, 8: 25.5, 9: 26.7, 10: 26.4, 11: 26.3, 12: 20.3},
    "B": {7: 11.2, 8: 13.8, 9: 16.1, 10: 18.2, 11: 18.0, 12: 14.9},
}
"""Decode throughput [thousand tokens/s] by prefill replicas of 16: HeteroScale (arXiv 2508.19559),
Figure 4, read off the plot."""
SHARPNESS, PRIOR = 6.0, 0.1
"""Of the bend between prefill- and decode-bound, and pull of a balance in the middle."""


def left_out() -> None:
    """Every fifth setting left out, three offsets, the form chosen anew without it."""
    files = {
        "splitwise": ([PERF / "splitwise_sim_perf_model_llama2-70b.csv"], Given()),
        "Dynamo": (
            [
                PERF / f"dynamo_H200_TP1P_TP1D_{phase}_raw_data.npz"
                for phase in ("prefill", "decode")
            ],
            Given("H200-SXM-141GB", 1),
        ),
        "Helix": ([PERF / "helix_llama2_70b_bs2time.csv"], Given(layers=80, context=600.0)),
    }
    columns = ("data", "GPU type", "phase", "settings", "median", "mean", "worst")
    how = "`inner`: settings at an end of the range are kept, as plans never leave it."
    for inner in (False, True):
        header(f"Errors at settings left out{', inner' * inner}", how, columns)
        for name, (paths, given) in files.items():
            points = [p for path in paths for p in read_measurements(path, given=given).points]
            groups: dict[tuple[str, Role], list[list[Measurement]]] = defaultdict(list)
            for gpu, gpus, phase in sorted({(p.gpu, p.gpus, p.phase) for p in points}):
                mine = [p for p in points if (p.gpu, p.gpus, p.phase) == (gpu, gpus, phase)]
                groups[gpu, phase].append(settings_of(mine))
            for (gpu, phase), engines in groups.items():
                off = [e for settings in engines for e in _left_out(settings, inner=inner)]
                figures = (median(off), fmean(off), max(off))
                row(name, gpu, phase, sum(map(len, engines)), *map(percent, figures))


def _left_out(settings: Sequence[Measurement], *, inner: bool) -> Iterator[float]:
    places = range(1, len(settings) - 1) if inner else range(len(settings))
    for offset in range(OFFSETS):
        out = set(places[offset::EVERY])
        values = fit([p for i, p in enumerate(settings) if i not in out]).coefficients
        for i in sorted(out):
            point = settings[i]
            said_ms = (
                prefill_ms(values, point.tokens)
                if isinstance(values, PrefillCoefficients)
                else step_ms(values, point.batch, point.context)
            )
            yield abs(said_ms / point.latency_ms - 1.0)


def mixes() -> None:
    """Mean prefill time of Azure's prompts by fits, against interpolation between the points."""
    header(
        "Mean prefill time of Azure's code trace",
        "Prompts within the measured range. Interpolated linearly between the measured points.",
        ("engine", "interpolated [ms]", "fitted", "off", "fitted with --isl", "off"),
    )
    with (DATA / "traces" / "azure_llm_2023_code.csv").open() as trace:
        prompts = np.array([float(line["ContextTokens"]) for line in csv.DictReader(trace)])
    splitwise, dynamo = (PERF / name for name in PREFILLS)
    files = [(splitwise, Given()), (dynamo, Given("H200-SXM-141GB", 1))]
    off: list[tuple[float, float]] = []
    for path, given in files:
        points = read_measurements(path, given=given).points
        points = tuple(point for point in points if point.phase is Role.PREFILL)
        for gpu, gpus in sorted({(point.gpu, point.gpus) for point in points}):
            mine = [point for point in points if (point.gpu, point.gpus) == (gpu, gpus)]
            settings = settings_of(mine)
            tokens = [point.tokens for point in settings]
            inside = prompts[(tokens[0] <= prompts) & (prompts <= tokens[-1])]
            wanted = np.interp(inside, tokens, [point.latency_ms for point in settings]).mean()
            both = [_mean_ms(fit(mine, isl=isl), inside) for isl in (None, float(prompts.mean()))]
            off.append((both[0] / wanted - 1, both[1] / wanted - 1))
            told = [text for ms, o in zip(both, off[-1], strict=True) for text in (ms, percent(o))]
            figures = [each if isinstance(each, str) else f"{each:.0f}" for each in told]
            row(f"{gpu} x{gpus}", f"{wanted:.0f}", *figures)
    each = [percent(fmean(map(abs, column))) for column in zip(*off, strict=True)]
    row("**mean of all, absolute**", "", "", each[0], "", each[1])


def _mean_ms(fitted: Fit, prompts: NDArray[np.float64]) -> float:
    values = fitted.coefficients
    assert isinstance(values, PrefillCoefficients)
    return fmean(prefill_ms(values, tokens) for tokens in prompts.tolist())


def silicon() -> None:
    """The silicon sample: a fifth of the runs, or of the curves, left out in turn."""
    columns = (
        "runs",
        "model",
        "GPU type",
        "number",
        "TPOT",
        "TTFT",
        "TPOT, curves",
        "TTFT, curves",
    )
    how = (
        "Fitted on 80 %, errors on the other 20 %: of runs, and of whole curves (an engine and "
        "request lengths). Engines with three runs and more."
    )
    header("End-to-end runs", how, columns)
    total: dict[bool, list[tuple[float, float, float, float]]] = {True: [], False: []}
    for model in MODELS:
        runs = read_measurements(SILICON, given=Given(model=model)).runs
        fits, _ = fit_runs(runs)
        kept = [run for run in runs if any(each.is_of(run) for each in fits)]
        for aggregated in (True, False):
            for gpu in sorted({run.gpu for run in kept}):
                mine = [
                    run
                    for run in kept
                    if run.gpu == gpu and (run.prefill_gpus is None) is aggregated
                ]
                if len(mine) < EVERY:
                    continue
                off = _both(mine)
                total[aggregated] += off
                kind = "aggregated" if aggregated else "disaggregated"
                row(kind, model.split("/")[1], gpu, len(mine), *_means(off))
    for aggregated, off in total.items():
        row("**aggregated**" if aggregated else "**disaggregated**", "", "", len(off), *_means(off))


def _both(runs: Sequence[Run]) -> list[tuple[float, float, float, float]]:
    """TPOT and TTFT errors with runs left out, and with curves left out."""
    by_run = errors_left_out(runs, lambda i, run: i)
    curves = sorted({(run.gpus, run.variant, run.isl, run.osl) for run in runs})
    number = {curve: i for i, curve in enumerate(curves)}
    by_curve = errors_left_out(runs, lambda i, run: number[run.gpus, run.variant, run.isl, run.osl])
    return [(*map(abs, one), *map(abs, two)) for one, two in zip(by_run, by_curve, strict=True)]


def _means(off: Sequence[tuple[float, ...]]) -> list[str]:
    return [percent(float(np.nanmean(column))) for column in np.array(off).T]


def knee() -> None:
    """Where inference-perf's engine saturates, from the stages below 60 % of that load."""
    header(
        "Knee of inference-perf",
        f"What a replica of {MAX_NUM_SEQS} sequences serves in the median, by the fit of the first "
        "stages: unextended, it stops at the largest batch of them.",
        ("engine", "stages", "measured [req/s]", "within them", "predicted", "off", "error told"),
    )
    for engine in ("vllm", "vllm_quantization"):
        folder = PERF / "inference_perf_kubecon2025" / engine
        given = Given("H100-SXM-80GB", 1)
        runs = [
            run
            for path in sorted(folder.glob("stage_*.json"))
            for run in read_measurements(path, given=given).runs
        ]
        measured = max(run.rate_rps for run in runs)
        light = [run for run in runs if run.rate_rps < 0.6 * measured]
        within, said = _saturated(light, None), _saturated(light, MAX_NUM_SEQS)
        told = fit_runs(light)[0][0].beyond
        off, error = percent(said / measured - 1), percent(told or 0.0)
        row(engine, len(light), *(f"{rps:.1f}" for rps in (measured, within, said)), off, error)


def _saturated(runs: Sequence[Run], max_sequences: int | None) -> float:
    """Requests/s that a replica serves in the median under no target to speak of."""
    [fitted] = of_runs(fit_runs(runs)[0][0], runs)
    engine = replace(fitted.engine, max_sequences=max_sequences)
    shape = RequestClass("default", 1.0, runs[-1].isl, runs[-1].osl, isl_cv=0.0, osl_cv=0.0)
    slo = Slo(60_000.0, 1000.0, ttft_percentile=0.5, itl_percentile=0.5)
    return replica_at(engine, Asked(shape, slo)).capacity_rps


def splits() -> None:
    """HeteroScale's Figure 4 from any three of its splits."""
    header(
        "Figure 4 from three splits",
        f"(P^-k + D^-k)^(-1/k), k = {SHARPNESS:g}, P and D proportional to replicas; all choices.",
        ("service", "within 10 %", "median of the worst", "worst", "best split within one"),
    )
    for service, curve in SPLITS.items():
        worst, near = [], 0
        for chosen in combinations(curve, 3):
            said = _split_model({p: curve[p] for p in chosen})
            others = [p for p in curve if p not in chosen]
            worst.append(max(abs(said(p) / curve[p] - 1) for p in others))
            near += abs(max(curve, key=said) - max(curve, key=lambda p: curve[p])) <= 1
        inside = sum(each <= 0.1 for each in worst)
        row(
            service,
            f"{inside} of {len(worst)}",
            percent(median(worst)),
            percent(max(worst)),
            f"{near} of {len(worst)}",
        )


def _split_model(points: dict[int, float]) -> Callable[[int], float]:
    def said(values: NDArray[np.float64], prefill: int) -> float:
        p, d = np.exp(values[0]) * prefill, np.exp(values[1]) * (REPLICAS - prefill)
        return float((p**-SHARPNESS + d**-SHARPNESS) ** (-1 / SHARPNESS))

    middle = fmean(SPLITS["A"])
    pull = np.log(middle / (REPLICAS - middle))

    def off(values: NDArray[np.float64]) -> list[float]:
        balance = values[0] - values[1] + pull
        return [*(said(values, p) / y - 1 for p, y in points.items()), PRIOR * balance]

    most = max(points.values())
    found = least_squares(off, np.log([most / middle, most / (REPLICAS - middle)]))
    return lambda prefill: said(found.x, prefill)


def rows() -> None:
    """100,000 measurements in our own CSV, read and fitted."""
    header("100,000 rows", "Read and fitted, best of three.", ("distinct settings", "seconds"))
    random = np.random.default_rng(1)
    for distinct in (60, 100_000):
        text = ["gpu,gpus,phase,batch,tokens,context,latency_ms,source"]
        for i in range(100_000):
            kind = i % distinct
            noise = 1 + 0.02 * random.standard_normal()
            if i % 2:
                tokens = 128 + kind % 8000 + kind / 100_000
                text.append(f"G,1,prefill,1,{tokens},,{(10 + 0.05 * tokens) * noise},")
            else:
                batch, context = 1 + kind % 64, 200 + kind % 7919
                step = (20 + 0.1 * batch + 1e-5 * batch * context) * noise
                text.append(f"G,1,decode,{batch},,{context},{step},")
        with TemporaryDirectory() as folder:
            path = Path(folder) / "m.csv"
            path.write_text("\n".join(text))
            seconds = []
            for _ in range(3):
                began = perf_counter()
                fit_all([("m.csv", read_measurements(path))])
                seconds.append(perf_counter() - began)
        row(f"{distinct:,}", f"{min(seconds):.2f}")


TABLES = {
    "left-out": left_out,
    "mixes": mixes,
    "silicon": silicon,
    "knee": knee,
    "splits": splits,
    "rows": rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures on profiles.")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without any")
    options = parser.parse_args()
    unknown = [name for name in options.tables if name not in TABLES]
    if unknown:
        parser.error(f"{unknown[0]}: known are {', '.join(TABLES)}")
    for name in options.tables or TABLES:
        TABLES[name]()


if __name__ == "__main__":
    main()
