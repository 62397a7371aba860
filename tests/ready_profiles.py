"""Makes the ready profiles of heteroplan/inputs/profiles: `python -m tests.ready_profiles`.

From AIConfigurator's silicon sample, and for llama-2-70b from quickstart's measurements.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from heteroplan.entities.workload import Source
from heteroplan.inputs.ready import FOLDER
from heteroplan.profiles.fitted import Fitted, named, with_limits
from heteroplan.profiles.profile_file import profile_yaml
from heteroplan.profiles.readers import read
from heteroplan.profiles.readers.reading import Given
from heteroplan.profiles.report import fit_all
from tests.realdata import DATA

SILICON = DATA / "perf" / "aiconfigurator_silicon_sample_shared.csv"
SILICON_SOURCE = "aiconfigurator-core 0.12.0, systems/silicon_sample.csv (Apache-2.0)"
SPLITWISE = Path(__file__).parents[1] / "scenarios/quickstart/profiles/measurements/llama-2-70b.csv"
SPLITWISE_SOURCE = "splitwise-sim perf_model.csv @8f99e7dc9b4 (MIT), medians"
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
STARTUP_S, DRAIN_S = 180.0, 30.0
WEIGHTS_BYTES, KV_BYTES, SHARE = 140e9, 327_680, 0.9
"""Llama-2-70B in 16 bits: its weights, its KV cache a token, and what serving takes of a GPU."""
GIB_80 = 80 * 2**30
ASSUMED = f"# Assumed, not measured: start-up {STARTUP_S:g} s and drain {DRAIN_S:g} s.\n"


def profiles() -> Iterator[tuple[str, str]]:
    """Name and text of every ready profile."""
    yield "llama-2-70b", _split("llama-2-70b")
    for name, model in MODELS.items():
        yield name, _aggregated(name, model)


def _aggregated(name: str, model: str) -> str:
    reading = read(SILICON, given=Given(model=model))
    fitted = named(_latest(fit_all([(SILICON_SOURCE, reading)]).fitted))
    head = (
        f"# {model}: aggregated engines as they were measured end to end,\n"
        "# most by InferenceX (SemiAnalysis, Apache-2.0). error_mape is that of TTFT or TPOT, the\n"
        "# worse, of runs left out. Nothing outside the ranges was measured.\n"
    )
    return head + ASSUMED + _text(name, fitted)


def _latest(fitted: Iterable[Fitted]) -> list[Fitted]:
    """Of engines that differ in image and date alone that with most runs, if errors are small."""
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


def _kind(variant: str) -> str:
    """Backend, precision and parallelism of a variant, without image and date."""
    words = variant.split(" ")
    kept = [word for word in words[2:] if word[:2] in ("dp", "ep") and word[2:].isdigit()]
    return " ".join((*words[:2], *kept))


def _split(model: str) -> str:
    fitted = with_limits(
        fit_all([(SPLITWISE_SOURCE, read(SPLITWISE))]).fitted,
        {
            (gpu, gpus): int((gpus * SHARE * GIB_80 - WEIGHTS_BYTES) / KV_BYTES)
            for gpu in ("A100-SXM-80GB", "H100-SXM-80GB")
            for gpus in (2, 4, 8)
        },
    )
    head = (
        "# Llama-2-70B (16 bits), prefill and decode apart, over all that was measured. kv_tokens\n"
        "# are computed: 90 % of the GPUs' memory less 140 GB of weights, 327,680 bytes a token.\n"
    )
    return head + ASSUMED + _text(model, fitted, KV_BYTES)


def _text(model: str, fitted: Iterable[Fitted], kv_bytes: float | None = None) -> str:
    engines = [replace(each.engine, source=_without_hash(each.engine.source)) for each in fitted]
    return profile_yaml(
        model, engines, kv_bytes_per_token=kv_bytes, startup_s=STARTUP_S, drain_s=DRAIN_S
    )


def _without_hash(source: Source) -> Source:
    """The sample's file is a part of the published one, and so has another hash."""
    return replace(source, sha256=())


if __name__ == "__main__":
    for name, text in profiles():
        (FOLDER / f"{name}.yaml").write_text(text)
        print(name, text.count("- name:"), "engines")
