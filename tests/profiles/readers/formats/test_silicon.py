"""AIConfigurator's silicon sample."""

import csv
import re
from pathlib import Path

import pytest

from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.formats import silicon
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

SAMPLE = DATA / "perf" / "aiconfigurator_silicon_sample_shared.csv"
SOURCE = (
    "db-dump/2026-04-27; config_id=636; silicon_concurrency={}; "
    "measured=2026-04-20T00:00:00.000Z; workflow_run_id=786; vllm/vllm-openai:v0.17.0"
)
BLANK = dict.fromkeys(silicon.COLUMNS, "")
ROW = BLANK | {
    "id": "kimik2_5_b200_vllm_fp4_agg_1024x1024_c4",
    "silicon_data_source": SOURCE.format(4),
    "backend": "vllm",
    "backend_version": "0.17.0",
    "model_path": "moonshotai/Kimi-K2.5",
    "system": "b200_sxm",
    "precision": "fp4",
    "mode": "agg",
    "isl": "1024",
    "osl": "1024",
    "tp_size": "8.0",
    "pp_size": "1.0",
    "attention_dp_size": "1.0",
    "moe_tp_size": "8.0",
    "moe_ep_size": "1.0",
    "silicon_ttft_ms": "74.14",
    "silicon_tpot_ms": "7.06",
}
RUN = Run(
    "B200-SXM-180GB",
    8,
    isl=1024.0,
    osl=1024.0,
    concurrency=4,
    ttft_ms=74.14,
    tpot_ms=7.06,
    variant="vllm fp4 vllm-openai:v0.17.0 2026-04-20",
)
APART = {
    "mode": "disagg",
    **dict.fromkeys((*silicon.SIZES, "moe_tp_size", "moe_ep_size"), ""),
    "prefill_num_workers": "5.0",
    "prefill_tp_size": "4.0",
    "prefill_pp_size": "1.0",
    "prefill_attention_dp_size": "1.0",
    "prefill_moe_ep_size": "1.0",
    "decode_num_workers": "2.0",
    "decode_tp_size": "1.0",
    "decode_pp_size": "1.0",
    "decode_attention_dp_size": "16.0",
    "decode_moe_ep_size": "16.0",
}


def row(**changes: str) -> dict[str, str]:
    return ROW | changes


def other(ttft_ms: str, **changes: str) -> dict[str, str]:
    """A row that repeats none."""
    return row(silicon_ttft_ms=ttft_ms, **changes)


def written(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "silicon_sample.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["batch_size", *silicon.COLUMNS])
        table.writeheader()
        table.writerows(rows)
    return path


def test_requests_in_flight_stand_in_the_text(tmp_path: Path) -> None:
    reading = read_measurements(written(tmp_path, ROW))
    assert reading.runs == (RUN,)
    assert (reading.notes, reading.model) == ((), "moonshotai/Kimi-K2.5")


def test_rows_that_do_not_say_how_many_are_left_out(tmp_path: Path) -> None:
    source = "source_file=/data/qwen3_32b.csv; measured=2026-01-23; image=sglang-runtime:0.8.0"
    reading = read_measurements(written(tmp_path, ROW, other("1.0", silicon_data_source=source)))
    assert reading.runs == (RUN,)
    told = ("left out 1 rows that do not say how many requests were in flight",)
    assert reading.notes == told


def test_a_saturated_row_is_left_out(tmp_path: Path) -> None:
    reading = read_measurements(written(tmp_path, ROW, other("60000.1"), other("60000.0")))
    assert [run.ttft_ms for run in reading.runs] == [74.14, 60_000.0]
    assert reading.notes == ("left out 1 runs with a TTFT above 60 s",)


def test_copies_count_once_whatever_they_are_called(tmp_path: Path) -> None:
    """The first stays; a copy may be rounded, and have a product for its size."""
    copies = [
        row(id="again", precision="", backend_version=""),
        row(silicon_ttft_ms="74.1402", silicon_tpot_ms="7.0601"),
        row(tp_size="64.0", moe_tp_size="8.0", moe_ep_size="8.0"),
    ]
    reading = read_measurements(written(tmp_path, ROW, *copies, other("75.0")))
    assert reading.runs[0] == RUN
    assert len(reading.runs) == 2
    assert reading.notes == ("left out 3 rows that repeat another one",)


def test_another_load_is_no_copy(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, row(silicon_data_source=SOURCE.format(8)), row(isl="8192"))
    assert len(read_measurements(path).runs) == 3


def test_rows_called_v3_are_of_r1(tmp_path: Path) -> None:
    r1, v3 = "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3"
    path = written(tmp_path, row(model_path=r1), other("1.0", model_path=v3), other("2.0"))
    with pytest.raises(InputError, match=f"holds {r1}, moonshotai/Kimi-K2.5; name one: --model"):
        read_measurements(path, given=Given(model=v3))
    reading = read_measurements(path, given=Given(model=r1))
    assert [run.ttft_ms for run in reading.runs] == [74.14, 1.0]
    assert reading.model == r1


@pytest.mark.parametrize(
    ("sizes", "gpus"),
    [
        (("8.0", "1.0", "1.0", "8.0"), 8),
        (("8.0", "", "", ""), 8),
        (("2.0", "4.0", "1.0", "8.0"), 8),
        (("1.0", "", "4.0", "1.0"), 4),
        (("4.0", "", "0.0", "0.0"), 4),
        (("4.0", "0.0", "1.0", "4.0"), 4),
        (("8.0", "0", "", ""), 8),
        (("16.0", "1.0", "4.0", "4.0"), 4),
        (("1.0", "16.0", "4.0", "4.0"), 4),
        (("4.0", "4.0", "1.0", "16.0"), 4),
        (("64.0", "1.0", "8.0", "8.0"), 8),
        (("1.0", "64.0", "8.0", "8.0"), 8),
    ],
)
def test_gpus_of_an_aggregated_row(
    tmp_path: Path, sizes: tuple[str, str, str, str], gpus: int
) -> None:
    """tp, attention dp, moe tp and ep: blank is 1, as are no dp, moe tp or ep (0), and 16 and 64
    are products of 4 and 8.
    """
    tp, dp, moe_tp, moe_ep = sizes
    path = written(
        tmp_path, row(tp_size=tp, attention_dp_size=dp, moe_tp_size=moe_tp, moe_ep_size=moe_ep)
    )
    assert read_measurements(path).runs[0].gpus == gpus


@pytest.mark.parametrize("size", ["9", "12.0", "25", "32.0", "36"])
def test_other_sizes_above_a_node_are_left_out(tmp_path: Path, size: str) -> None:
    """32 is no product of one number; of 9, 25 and 36 nobody said so."""
    reading = read_measurements(written(tmp_path, ROW, other("1.0", tp_size=size)))
    assert reading.runs == (RUN,)
    told = ("left out 1 rows whose parallel sizes leave open on how many GPUs they ran",)
    assert reading.notes == told


def test_disaggregated_sizes_are_of_a_worker(tmp_path: Path) -> None:
    """5 workers of 4 GPUs prefill for 2 of 16."""
    (run,) = read_measurements(written(tmp_path, row(**APART))).runs
    assert (run.gpus, run.replicas, run.prefill_gpus, run.prefill_replicas) == (16, 2, 4, 5)
    assert run.variant.startswith("vllm fp4 dp16 ep16 ")
    assert run.concurrency == 4


@pytest.mark.parametrize("column", ["prefill_num_workers", "decode_num_workers"])
def test_disaggregated_rows_without_workers_are_left_out(tmp_path: Path, column: str) -> None:
    reading = read_measurements(written(tmp_path, ROW, other("1.0", **APART | {column: ""})))
    assert reading.runs == (RUN,)
    told = "of disaggregated engines that do not say how many workers there were"
    assert reading.notes == (f"left out 1 rows {told}",)


def test_an_aggregated_row_is_no_copy_of_a_disaggregated_one(tmp_path: Path) -> None:
    assert len(read_measurements(written(tmp_path, ROW, row(**APART))).runs) == 2


def test_blanks_are_left_out_of_the_variant(tmp_path: Path) -> None:
    blanks = row(backend_version="", precision="", silicon_data_source="silicon_concurrency=4")
    assert read_measurements(written(tmp_path, blanks)).runs[0].variant == "vllm"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model_path": ""}, "model_path: is empty"),
        ({"system": "mi300x"}, "system: mi300x: must be one of a100_pcie"),
        ({"system": ""}, "system: must be one of a100_pcie"),
        ({"mode": ""}, "mode: must be one of agg, disagg"),
        ({"mode": "static"}, "mode: static: must be one of agg, disagg"),
        ({"isl": ""}, "isl: not a number"),
        ({"isl": "0"}, "isl: 0: must be a finite number above 0"),
        ({"osl": "1"}, "osl: 1: must be above 1 token"),
        ({"osl": "nan"}, "osl: nan: not a number"),
        ({"tp_size": "eight"}, "tp_size: eight: must be a whole number above 0"),
        ({"tp_size": "0.0"}, "tp_size: 0: must be a whole number above 0"),
        ({"tp_size": "1.5"}, "tp_size: 1.5: must be a whole number above 0"),
        ({"tp_size": "-8.0"}, "tp_size: -8: must be a whole number above 0"),
        ({"tp_size": "9" * 5000}, "tp_size: 9999"),
        ({"moe_ep_size": "x"}, "moe_ep_size: x: must be a whole number above 0"),
        ({"silicon_ttft_ms": ""}, "silicon_ttft_ms: not a number"),
        ({"silicon_ttft_ms": "1e400"}, "silicon_ttft_ms: 1e400: too large"),
        ({"silicon_tpot_ms": "0"}, "silicon_tpot_ms: 0: must be a finite number above 0"),
        ({"silicon_tpot_ms": "inf"}, "silicon_tpot_ms: inf: not a number"),
        ({"silicon_data_source": SOURCE.format(0)}, "silicon_data_source: 0: must be a whole"),
        ({"silicon_data_source": SOURCE.format("٤")}, "silicon_data_source: ٤: must be a whole"),
        ({"silicon_data_source": SOURCE.format("9" * 5000)}, "silicon_data_source: 9999"),
    ],
)
def test_faults_are_named(tmp_path: Path, changes: dict[str, str], problem: str) -> None:
    path = written(tmp_path, ROW, row(**{"silicon_ttft_ms": "1.0"} | changes))
    with pytest.raises(InputError, match=re.escape(f"{path}:3: {problem}")):
        read_measurements(path)


def test_faults_of_other_models_do_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, row(model_path="m", system="mi300x", isl="?"))
    assert read_measurements(path, given=Given(model="moonshotai/Kimi-K2.5")).runs == (RUN,)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, ROW)
    path.write_text(path.read_text().replace("silicon_tpot_ms", "tpot", 1))
    with pytest.raises(InputError, match="1: silicon_tpot_ms: column is missing"):
        read_measurements(path)


@needs_data
@pytest.mark.parametrize(
    ("model", "rows", "left_out"),
    [
        ("deepseek-ai/DeepSeek-R1", 1002 + 316, (549, 315, 2)),
        ("meta-llama/Llama-3.1-70B", 441, (5,)),
        ("Qwen/Qwen3-32B", 362, (12, 1)),
        ("moonshotai/Kimi-K2.5", 165, (77,)),
    ],
)
def test_the_published_sample(model: str, rows: int, left_out: tuple[int, ...]) -> None:
    """Every row is a run or was left out with a reason; engines are of one node or 16 GPUs."""
    reading = read_measurements(SAMPLE, given=Given(model=model))
    assert tuple(int(note.split()[2]) for note in reading.notes) == left_out
    assert len(reading.runs) == rows - sum(left_out)
    assert {run.gpus for run in reading.runs} <= {1, 2, 4, 8, 16}
    assert max(run.ttft_ms for run in reading.runs) <= 60_000.0


@needs_data
def test_copies_agree_on_the_gpus() -> None:
    """Copies of the rows with sizes of 16 and 64 have 4 and 8: the products are what they seem."""
    with SAMPLE.open(newline="") as file:
        rows = [each for each in csv.DictReader(file) if each["mode"] == "agg"]
    sizes: dict[tuple[str, ...], set[str]] = {}
    for each in rows:
        if each["attention_dp_size"] == "1.0":
            times = [f"{float(each[name]):.1f}" for name in ("silicon_ttft_ms", "silicon_tpot_ms")]
            key = (each["system"], each["isl"], each["osl"], *times)
            sizes.setdefault(key, set()).add(each["tp_size"])
    copied = {frozenset(found) for found in sizes.values() if found & {"16.0", "64.0"}}
    assert {"4.0", "16.0"} in copied
    assert {"8.0", "64.0"} in copied
    assert all(found - {"16.0", "64.0"} in ({"4.0"}, {"8.0"}, set()) for found in copied)


def test_no_data_parallelism_is_told_as_0_or_1_of_one_engine(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, other("60.0", attention_dp_size="0.0"))
    assert len({run.variant for run in read_measurements(path).runs}) == 1
