"""What demand curves cost and how well they cover; run by hand.

`python -m tests.benchmarks.demand rows [--rows 100e6] [--folder DIR]`: seconds and peak memory of a
curve from CSV and Parquet, beside pyarrow reading the same file in the same run.
`python -m tests.benchmarks.demand backtest`: ServeGen m-large, the last 4 of 14 days held back.
`python -m tests.benchmarks.demand cache`: missed input tokens of Mooncake by size of prefix cache.
`python -m tests.benchmarks.demand windows`: coverage over all ways to hold back 4 days.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tests.benchmarks.markdown import header, percent, row
from tests.realdata import DATA

AZURE = DATA / "traces" / "azure_llm_2023_code.csv"
COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
DAYS = 14
PIECE = 5_000_000
REPEATS = 3


def rows(count: int, folder: Path) -> None:
    """The table of times."""
    paths = folder / "trace.csv", folder / "trace.parquet"
    if not all(path.exists() for path in paths):
        _generate(count, *paths)
    heads = ("file", "size", "pyarrow", "curve", "ratio", "peak memory")
    how = f"Medians of {REPEATS} runs, each in a process of its own."
    header(f"{count:,} rows", how, heads)
    for path in paths:
        theirs = [_timed(path, "pyarrow") for _ in range(REPEATS)]
        ours = [_timed(path, "heteroplan") for _ in range(REPEATS)]
        seconds = [float(np.median([each[0] for each in runs])) for runs in (theirs, ours)]
        row(
            path.suffix[1:],
            f"{path.stat().st_size / 2**30:.1f} GiB",
            f"{seconds[0]:.1f} s",
            f"{seconds[1]:.1f} s",
            f"{seconds[1] / seconds[0]:.2f}",
            f"{max(each[1] for each in ours):.2f} GiB",
        )


def read(path: str) -> int:
    """Rows, read as pyarrow reads a file that is larger than memory, with its types."""
    if path.endswith(".parquet"):
        batches = pyarrow.parquet.ParquetFile(path, pre_buffer=False).iter_batches()
        return sum(batch.num_rows for batch in batches)
    types = dict(zip(COLUMNS, (pa.timestamp("ns"), pa.int64(), pa.int64()), strict=True))
    with pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=8 << 20),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types),
    ) as reader:
        return sum(batch.num_rows for batch in reader)


def curve(path: str) -> int:
    """Requests of the curve of a file."""
    from heteroplan.pipelines import demand as pipeline

    made = pipeline.demand([path]).curve
    return int(made.notes[0].split()[0].replace(",", ""))


def backtest() -> None:
    """Coverage, planned over true and worst shortfall by kind of rate and interval."""
    from heteroplan.pipelines import demand as pipeline

    trace = str(DATA / "traces" / "servegen_m-large_demand_10min.csv")
    heads = ("interval", "rate", "covered", "planned / true", "worst shortfall")
    header("ServeGen m-large", "P95, days 11 to 14 planned from days 1 to 10.", heads)
    for minutes in (10, 15, 60):
        made = pipeline.demand(
            [trace], interval_s=60 * minutes, start=datetime(2026, 11, 2), held_back_days=4
        ).backtest
        assert made is not None
        for each in made.measures:
            row(
                f"{minutes} min",
                each.what,
                percent(each.coverage),
                f"{each.planned_over_true:.2f}",
                percent(each.worst_shortfall),
            )


def windows() -> None:
    """How far coverage of 4 held-back days swings with which 4 they are."""
    from zoneinfo import ZoneInfo

    from heteroplan.forecasting.curve.curve import past
    from heteroplan.forecasting.curve.history import INPUT_RATE, OUTPUT_RATE, RPS
    from heteroplan.forecasting.curve.intervals import peaks_of
    from heteroplan.forecasting.curve.season import planned_day
    from heteroplan.forecasting.steps.steps import TraceOptions

    zone = ZoneInfo("UTC")
    trace = str(DATA / "traces" / "servegen_m-large_demand_10min.csv")
    start = datetime(2026, 11, 2, tzinfo=zone)
    found = past([trace], TraceOptions(step_s=300, zone=zone, stamp_zone=zone, start=start))
    peaks = peaks_of(found.rates, 12)
    heads = ("rate", "mean coverage", "5 to 95 % of the ways", "within 93 to 97 %")
    how = "P95, 1 h: all 1,001 ways to hold back 4 of the 14 days."
    header("ServeGen m-large, held-back days", how, heads)
    for kind, name in ((RPS, "requests"), (INPUT_RATE, "input"), (OUTPUT_RATE, "output")):
        covered = []
        for held in combinations(range(DAYS), 4):
            kept = [day for day in range(DAYS) if day not in held]
            plan = planned_day(peaks[kind][kept], np.zeros(len(kept), np.int64), 0, 0.95)
            covered.append(float((peaks[kind][list(held)] <= plan.planned).mean()))
        low, high = np.quantile(covered, [0.05, 0.95])
        within = float(np.mean([0.93 <= each <= 0.97 for each in covered]))
        mean = float(np.mean(covered))
        row(name, percent(mean), f"{percent(low)} to {percent(high)}", percent(within))


def cache() -> None:
    """Missed share of input tokens by cache size."""
    import gzip
    import json

    from heteroplan.forecasting.steps.prefix_cache import PrefixCache
    from heteroplan.forecasting.traces.requests import Blocks

    with gzip.open(DATA / "traces/mooncake_fast25_conversation.jsonl.gz", "rt") as file:
        trace = [json.loads(line) for line in file]
    requests = [row["hash_ids"] for row in trace]
    lengths = np.array([row["input_length"] for row in trace], np.int64)
    ids = np.array([block for each in requests for block in each], np.int64)
    blocks = Blocks(np.cumsum([0, *map(len, requests)]).astype(np.int64), ids, 512)
    distinct = len(np.unique(ids))
    header(
        "Mooncake's prefixes",
        f"{distinct:,} distinct blocks of 512 tokens.",
        ("of the blocks", "cache [tokens]", "missed input tokens"),
    )
    for part in (0.0, 0.01, 0.1, 1.0):
        cached = PrefixCache(round(part * distinct)).cached_tokens(blocks, lengths)
        tokens = round(part * distinct) * 512
        missed = 1 - cached.sum() / lengths.sum()
        row(percent(part), f"{tokens:,}", percent(float(missed)))


def _timed(path: Path, who: str) -> tuple[float, float]:
    """Seconds and peak memory [GiB] of one process."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.demand", "once", who, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, memory = answer.stdout.split()
    return float(seconds), float(memory)


def once(who: str, path: str) -> None:
    """Time one reading; imports do not count, compiling does."""
    import heteroplan.forecasting.curve.backtest
    import heteroplan.forecasting.steps.prefix_cache
    import heteroplan.inputs.trace_demand  # noqa: F401

    work: Callable[[str], int] = read if who == "pyarrow" else curve
    begun = time.perf_counter()
    work(path)
    seconds = time.perf_counter() - begun
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def _generate(count: int, text: Path, packed: Path) -> None:
    """Arrivals over 14 days at random, lengths drawn from Azure's, both files alike."""
    source = pyarrow.csv.read_csv(AZURE)
    isl, osl = (source[name].to_numpy() for name in COLUMNS[1:])
    random = np.random.default_rng(0)
    moment = 1_700_000_000 * 10**9
    schema = pa.schema(zip(COLUMNS, (pa.timestamp("ns"), pa.int64(), pa.int64()), strict=True))
    with (
        pyarrow.csv.CSVWriter(
            text, pa.schema(zip(COLUMNS, (pa.string(), pa.int64(), pa.int64()), strict=True)),
            write_options=pyarrow.csv.WriteOptions(quoting_style="none"),
        ) as csv_file,
        pyarrow.parquet.ParquetWriter(packed, schema) as parquet_file,
    ):  # fmt: skip
        for begin in range(0, count, PIECE):
            size = min(PIECE, count - begin)
            gaps = random.exponential(DAYS * 86_400e9 / count, size)
            moments = moment + np.cumsum(gaps).astype(np.int64)
            moment = int(moments[-1])
            stamps = pa.array(moments - moments % 100, pa.timestamp("ns"))
            drawn = random.integers(0, len(isl), size)
            written = pc.utf8_slice_codeunits(pc.strftime(stamps, "%Y-%m-%d %H:%M:%S"), 0, 27)
            columns = [pa.array(isl[drawn]), pa.array(osl[drawn])]
            csv_file.write_batch(pa.record_batch([written, *columns], names=list(COLUMNS)))
            parquet_file.write_batch(pa.record_batch([stamps, *columns], names=list(COLUMNS)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rows", "backtest", "windows", "cache", "once"])
    parser.add_argument("more", nargs="*")
    parser.add_argument("--rows", type=float, default=100e6)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.what == "once":
        once(*given.more)
    elif given.what == "rows" and given.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            rows(int(given.rows), Path(folder))
    elif given.what == "rows":
        rows(int(given.rows), given.folder)
    else:
        {"backtest": backtest, "windows": windows, "cache": cache}[given.what]()


if __name__ == "__main__":
    main()
