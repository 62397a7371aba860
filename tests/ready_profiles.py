"""Makes the ready profiles of heteroplan/inputs/profiles: `python -m tests.ready_profiles`.

Aggregated engines, and separate ones where there are enough runs, are from AIConfigurator's silicon
sample; prefill and decode of llama-2-70b from quickstart's measurements, of llama-3.1-8b on H200
from Dynamo's profiler; what nobody measured is modelled (`tests.ready_modelled`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from heteroplan.entities.workload import Role, Source
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.ready import FOLDER
from heteroplan.profiles.fitting.fitted import Fitted, named, with_limits
from heteroplan.profiles.fitting.profile_file import profile_yaml
from heteroplan.profiles.fitting.report import fit_all
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from heteroplan.units import MS_PER_S
from tests.ready_modelled import Near, Wanted, modelled_engines
from tests.realdata import DATA

SILICON = DATA / "perf" / "aiconfigurator_silicon_sample_shared.csv"
SILICON_SOURCE = "aiconfigurator-core 0.12.0, systems/silicon_sample.csv (Apache-2.0)"
SPLITWISE = Path(__file__).parents[1] / "scenarios/quickstart/profiles/measurements/llama-2-70b.csv"
SPLITWISE_SOURCE = "splitwise-sim perf_model.csv @8f99e7dc9b4 (MIT), medians"
DYNAMO = [
    DATA / "perf" / f"dynamo_H200_TP1P_TP1D_{phase}_raw_data.npz" for phase in ("prefill", "decode")
]
DYNAMO_SOURCE = "ai-dynamo 1.7.0.dev20261026, profiling_results/H200_TP1P_TP1D (Apache-2.0), FP8"
MODELS = {
    "deepseek-r1": "deepseek-ai/DeepSeek-R1",
    "kimi-k2.5": "moonshotai/Kimi-K2.5",
    "llama-3.1-70b": "meta-llama/Llama-3.1-70B",
    "llama-3.1-8b": "meta-llama/Llama-3.1-8B-Instruct",
    "qwen3-235b-a22b-fp8": "Qwen/Qwen3-235B-A22B-FP8",
    "qwen3-32b": "Qwen/Qwen3-32B",
    "qwen3.5-397b-a17b": "Qwen/Qwen3.5-397B-A17B",
}
FEWEST_RUNS, MOST_TPOT, MOST_TTFT = 8, 0.15, 0.5
"""An engine is left out with fewer runs, or where errors of runs left out are larger."""
ACTIVE = {"deepseek-r1": 37e9}
"""Parameters that a token uses, of models that were measured with prefill and decode apart. A
prefill engine is left out that would take more of them than its GPUs can compute."""
KV_BYTES = {
    "deepseek-r1": 61 * 576 * 2,
    "kimi-k2.5": 61 * 576 * 2,
    "llama-2-70b": 80 * 2 * 8 * 128 * 2,
    "llama-3.1-70b": 80 * 2 * 8 * 128 * 2,
    "llama-3.1-8b": 32 * 2 * 8 * 128 * 2,
    "qwen3-32b": 64 * 2 * 8 * 128 * 2,
}
"""Of a token in 16 bits, of models with prefill and decode engines: layers, keys and values (or
the latent of MLA), heads, their size, bytes."""
A100, H100, H200 = "A100-SXM-80GB", "H100-SXM-80GB", "H200-SXM-141GB"
B200, L40S = "B200-SXM-180GB", "L40S-48GB"
FP8_RUNS = Near(
    SILICON,
    f"runs of the FP8 model with vLLM in {SILICON_SOURCE}, which the tool is asked for too",
    model=MODELS["llama-3.1-70b"],
    variant="vllm fp8",
    modelled="nvidia/Llama-3.1-70B-Instruct-FP8",
)
MODELLED = {
    "kimi-k2.5": Wanted(
        "moonshotai/Kimi-K2.5",
        {H200: (8,), B200: (4, 8)},
        dict.fromkeys(
            (H200, B200),
            Near(
                SILICON,
                f"runs with vLLM in {SILICON_SOURCE}",
                model=MODELS["kimi-k2.5"],
                variant="vllm int4",
            ),
        ),
    ),
    "llama-3.1-70b": Wanted(
        "meta-llama/Meta-Llama-3.1-70B",
        {A100: (2, 4, 8), H100: (2, 4, 8), H200: (2, 4, 8), B200: (1, 2, 4, 8)},
        {
            A100: Near(
                SPLITWISE,
                f"Llama-2-70B (the same layers) with the vLLM of 2023: {SPLITWISE_SOURCE}",
                phases=True,
            ),
            **dict.fromkeys((H100, H200, B200), FP8_RUNS),
        },
    ),
    "llama-3.1-8b": Wanted(
        "meta-llama/Meta-Llama-3.1-8B",
        {A100: (1, 2), H100: (1, 2), H200: (2,), B200: (1, 2), L40S: (1, 2)},
        {
            H100: Near(
                SILICON,
                f"runs with TensorRT-LLM in {SILICON_SOURCE}, which the tool is asked for too",
                model=MODELS["llama-3.1-8b"],
                variant="trtllm",
                backend="trtllm",
            )
        },
    ),
    "qwen3-32b": Wanted(
        "Qwen/Qwen3-32B",
        {A100: (1, 2, 4), H100: (1, 2, 4), H200: (1, 2, 4), B200: (1, 2, 4), L40S: (2, 4)},
        {
            H100: Near(
                SILICON,
                f"runs with vLLM in {SILICON_SOURCE}",
                model=MODELS["qwen3-32b"],
                variant="vllm",
            )
        },
    ),
}
STARTUP_S, DRAIN_S = 180.0, 30.0
WEIGHTS_BYTES, SHARE = 140e9, 0.9
"""Llama-2-70B in 16 bits: its weights, and what serving takes of a GPU."""
GIB_80 = 80 * 2**30
ASSUMED = f"# Assumed, not measured: start-up {STARTUP_S:g} s and drain {DRAIN_S:g} s.\n"


MEASURED_APART = "llama-2-70b"
NAMES = (MEASURED_APART, *MODELS)
"""Of all ready profiles."""


def text_of(name: str) -> str:
    """A ready profile, as the data says."""
    if name == MEASURED_APART:
        return _splitwise(name)
    return _text(name, _head(name), _engines(name))


def _head(name: str) -> str:
    head = (
        f"# {MODELS[name]}: aggregated engines as they were measured end to end,\n"
        "# most by InferenceX (SemiAnalysis, Apache-2.0). error_mape is that of TTFT or TPOT, the\n"
        "# worse, of runs left out. Nothing outside the ranges was measured.\n"
    )
    if name in ACTIVE:
        head += "# Prefill and decode engines are those of runs in which they were apart.\n"
    if name in MODELLED:
        head += (
            "# Prefill and decode engines of kind modelled were not measured. Their error_mape is\n"
            "# that of the model, mostly too fast, where something near was measured, and missing\n"
            "# where nothing was. KV cache: 16 bits.\n"
        )
    return head


def _engines(name: str) -> list[Fitted]:
    reading = read_measurements(SILICON, given=Given(model=MODELS[name]))
    measured = fit_all([(SILICON_SOURCE, reading)]).fitted
    found = [*_latest(measured), *(_separate(measured, name) if name in ACTIVE else ())]
    if name == "llama-3.1-8b":
        found += fit_all(
            [(DYNAMO_SOURCE, read_measurements(path, given=Given(H200, 1))) for path in DYNAMO]
        ).fitted
    if name in MODELLED:
        found += modelled_engines(MODELLED[name])
    return named(found)


def _latest(fitted: Iterable[Fitted]) -> list[Fitted]:
    """Of aggregated engines that differ in image and date alone that with most runs.

    Where errors are small.
    """
    best: dict[tuple[str, int, str], Fitted] = {}
    for each in fitted:
        if len(each.lines) != 2:
            continue
        tpot, ttft = each.lines
        good = tpot.error.mape <= MOST_TPOT and ttft.error.mape <= MOST_TTFT
        if tpot.points < FEWEST_RUNS or not good:
            continue
        key = (each.engine.gpu, each.engine.gpus, _kind(each.variant))
        if key not in best or (tpot.points, each.variant) > (
            best[key].lines[0].points,
            best[key].variant,
        ):
            best[key] = each
    return [replace(each, variant=key[2]) for key, each in sorted(best.items())]


def _separate(fitted: Iterable[Fitted], name: str) -> Iterator[Fitted]:
    """Prefill and decode engines of the same runs, if there are enough and errors are small."""
    halves = [each for each in fitted if each.engine.role is not Role.AGGREGATED]
    for prefill, decode in zip(halves[::2], halves[1::2], strict=True):
        (ttft,), (tpot,) = prefill.lines, decode.lines
        good = tpot.error.mape <= MOST_TPOT and ttft.error.mape <= MOST_TTFT
        if good and tpot.points >= FEWEST_RUNS and _is_possible(prefill, ACTIVE[name]):
            for each in (prefill, decode):
                yield replace(each, variant=_kind(each.variant))


def _is_possible(fitted: Fitted, active: float) -> bool:
    """Whether the GPUs can compute prefill as fast: two operations a parameter and token."""
    engine = fitted.engine
    precision = next(word for word in fitted.variant.split() if word in ("fp4", "fp8"))
    peak_per_ms = engine.gpus * built_in()[engine.gpu].peak_per_s[precision] / MS_PER_S
    assert engine.prefill is not None
    return engine.prefill.ms_per_token >= 2 * active / peak_per_ms


def _kind(variant: str) -> str:
    """Backend, precision and parallelism of a variant, without image and date."""
    words = variant.split(" ")
    kept = [word for word in words[2:] if word[:2] in ("dp", "ep") and word[2:].isdigit()]
    return " ".join((*words[:2], *kept))


def _splitwise(model: str) -> str:
    fitted = with_limits(
        fit_all([(SPLITWISE_SOURCE, read_measurements(SPLITWISE))]).fitted,
        {
            (gpu, gpus): int((gpus * SHARE * GIB_80 - WEIGHTS_BYTES) / KV_BYTES[model])
            for gpu in (A100, H100)
            for gpus in (2, 4, 8)
        },
    )
    head = (
        "# Llama-2-70B (16 bits), prefill and decode apart, over all that was measured. kv_tokens\n"
        "# are computed: 90 % of the GPUs' memory less 140 GB of weights, 327,680 bytes a token.\n"
    )
    return _text(model, head, fitted)


def _text(model: str, head: str, fitted: Iterable[Fitted]) -> str:
    engines = [replace(each.engine, source=_without_hash(each.engine.source)) for each in fitted]
    return (
        head
        + ASSUMED
        + profile_yaml(
            model,
            engines,
            kv_bytes_per_token=KV_BYTES.get(model),
            startup_s=STARTUP_S,
            drain_s=DRAIN_S,
        )
    )


def _without_hash(source: Source) -> Source:
    """The sample's file is a part of the published one, and so has another hash."""
    return replace(source, sha256=())


if __name__ == "__main__":
    for name in NAMES:
        text = text_of(name)
        (FOLDER / f"{name}.yaml").write_text(text)
        print(name, text.count("- name:"), "engines")
