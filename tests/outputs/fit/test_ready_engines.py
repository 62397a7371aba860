from dataclasses import replace

import pytest

from heteroplan.entities.workload import Engine, Profile, Role, Source, SourceKind, Span
from heteroplan.outputs.fit.ready_engines import render_profiles
from tests.outputs.plan.test_console import rendered

FITTED = Source(SourceKind.FITTED, error_mape=0.08)
PREFILL = Engine(
    name="h100-tp4-prefill",
    role=Role.PREFILL,
    gpu="H100-SXM-80GB",
    gpus=4,
    source=FITTED,
    batch_tokens_range=Span(128, 8192),
)
AGGREGATED = replace(
    PREFILL,
    name="h100-tp4-aggregated-vllm-fp8",
    role=Role.AGGREGATED,
    batch_tokens_range=Span(1024, 8192),
    batch_range=Span(3.9, 63.9),
    context_range=Span(1536, 8704),
)
OTHER = replace(
    AGGREGATED,
    name="h100-tp4-aggregated-trtllm-fp4",
    source=replace(FITTED, error_mape=0.313),
    batch_range=Span(2, 128),
)


def lines(*engines: Engine, width: int = 80) -> list[str]:
    """Those of the engines, between the heads and the legend; blanks as one."""
    text = rendered(render_profiles, [Profile("llama", None, engines)], width)
    found = text.split("\n\n")[0].splitlines()
    assert found[0] == "ready:llama"
    return [" ".join(line.split()) for line in found[2:]]


def test_a_line_says_size_role_range_error_and_source() -> None:
    """1,536 tokens are 1.5 k of 1,024; the batch of 63.9 is 64."""
    assert lines(AGGREGATED, PREFILL) == [
        "H100-SXM-80GB prefill 4 128-8k 8 % fitted",
        "aggregated 4 1k-8k, 4-64 x 1.5k-8.5k 8 % fitted",
    ]


def test_variants_share_a_line_with_all_they_cover_and_their_errors() -> None:
    assert lines(AGGREGATED, OTHER, width=120) == [
        "H100-SXM-80GB aggregated 4 1k-8k, 2-128 x 1.5k-8.5k 8-31 % fitted vllm-fp8, trtllm-fp4"
    ]


@pytest.mark.parametrize(("error", "shown"), [(None, "?"), (0.38, "38 %")])
def test_what_was_modelled_has_a_line_of_its_own(error: float | None, shown: str) -> None:
    modelled = replace(PREFILL, name="m", source=Source(SourceKind.MODELLED, error_mape=error))
    assert lines(PREFILL, modelled) == [
        "H100-SXM-80GB prefill 4 128-8k 8 % fitted",
        f"4 128-8k {shown} modelled",
    ]


def test_sizes_are_in_order_of_their_numbers() -> None:
    sizes = [replace(PREFILL, name=str(gpus), gpus=gpus) for gpus in (16, 2, 8)]
    assert [line.split()[-5] for line in lines(*sizes)] == ["2", "8", "16"]
