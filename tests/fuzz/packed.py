"""npz, Parquet and gzip files spoiled, and what programs make before the first case."""

import gzip
import io
import pickle
import re
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz import seeds, texts
from tests.fuzz.running import run
from tests.fuzz.trees import Change

type Bombs = Mapping[str, bytes]
BLANKS_BYTES = 64 * 2**20
"""Of one member of a gzip bomb."""
ZEROS = 25_000_000
"""Numbers of a bomb's array [8 bytes each]."""


def made(*, all_of_it: bool = True) -> dict[str, dict[str, bytes]]:
    """Plans, placements, a profile, Parquet files and parts of bombs, by maker and name.

    Without `all_of_it` what the corpus takes. To be called in a process that ends: pyarrow and
    the solver start threads.
    """
    found = {"bombs": _bombs(), **({"parquet": _parquet()} if all_of_it else {})}
    for start in seeds.by_hand():
        if not all_of_it and start.name != "small":
            continue
        with tempfile.TemporaryDirectory() as folder:
            ended = run(start.args, start.files, Path(folder))
        if ended.code != 0:
            raise RuntimeError(f"{start.name} ended with {ended.code}: {ended.err.decode()}")
        found[start.name] = {
            Path(name).name: re.sub(rb'"seconds": [0-9.]+', b'"seconds": 0.1', ended.files[name])
            for name in start.outputs
        }
    return found


def _parquet() -> dict[str, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 40
    stamps = [1_795_420_800_000_000 + 60_000_000 * i for i in range(count)]
    lengths: dict[str, Any] = {"ContextTokens": list(range(1, count + 1)),
                               "GeneratedTokens": [7] * count}  # fmt: skip
    us = pa.array(stamps, pa.timestamp("us", "UTC"))
    tables = {
        "azure.parquet": {"TIMESTAMP": us, **lengths},
        "vidur.parquet": {"arrived_at": [60.5 * i for i in range(count)],
                          "num_prefill_tokens": [100] * count, "num_decode_tokens": [9] * count},
        "azure-text.parquet": {"TIMESTAMP": ["2026-11-23 08:00:00"] * count, **lengths},
        "azure-null.parquet": {"TIMESTAMP": us, **lengths, "ContextTokens": [None] * count},
        "azure-float.parquet": {"TIMESTAMP": us, **lengths,
                                "ContextTokens": [float("nan"), float("inf"), -1.0, 1e300] * 10},
        "azure-list.parquet": {"TIMESTAMP": us, **lengths, "ContextTokens": [[1]] * count},
        "azure-esc.parquet": {"TIMESTAMP": us, **lengths, "ContextTokens": ["\x1b[31m"] * count},
        "azure-range.parquet": {
            "TIMESTAMP": pa.array([2**63 - 1, -(2**63)] * 20, pa.timestamp("ns")), **lengths},
        "azure-date.parquet": {"TIMESTAMP": pa.array(range(count), pa.date32()), **lengths},
        "azure-words.parquet": {
            "TIMESTAMP": us, **lengths,
            "ContextTokens": pa.array(["1", "x"] * 20).dictionary_encode()},
        "azure-none.parquet": {"TIMESTAMP": us[:0], "ContextTokens": pa.array([], pa.int64()),
                               "GeneratedTokens": pa.array([], pa.int64())},
    }  # fmt: skip
    found = {}
    for name, columns in tables.items():
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, use_deprecated_int96_timestamps="range" in name)
        found[name] = sink.getvalue()
    return found


def _bombs() -> dict[str, bytes]:
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as members:
        for name, count in (("z_itl", ZEROS), ("x_kv_usage", 2), ("y_context_length", 2)):
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            members.writestr(info, npy(f"({count},)") + bytes(8 * count))
    return {
        "blanks": gzip.compress(b" " * BLANKS_BYTES, 1, mtime=0),
        "zeros": gzip.compress(bytes(BLANKS_BYTES), 1, mtime=0),
        "npz": zeros.getvalue(),
    }


def npy(shape: str, kind: str = "'<f8'") -> bytes:
    """Head of an array file."""
    head = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode("latin-1", "replace")


def spoiled_parquet(content: bytes, bombs: Bombs, draw: Random) -> tuple[bytes, Change]:
    """Cut, overwritten, with the length of its foot changed, or nothing between its marks."""
    odds = draw.random()
    if odds < 0.25:
        return content, Change("as it is")
    if odds < 0.35:
        return b"PAR1" + bytes(draw.choice([0, 4, 100, 1_000_000])) + b"PAR1", Change("only marks")
    if odds < 0.45:
        length = draw.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(content)])
        made = content[:-8] + struct.pack("<I", length) + b"PAR1"
        return made, Change(f"a foot of {length} bytes")
    if odds < 0.48:
        made = gzip.compress(b"PAR1", mtime=0) + bombs["zeros"] * 16
        return made, Change("gzip: PAR1 and 1 GB of zeros")
    return texts.spoiled_bytes(content, draw)


def spoiled_gzip(content: bytes, bombs: Bombs, draw: Random) -> tuple[bytes, Change]:
    """What is inside spoiled, or what is around it."""
    odds = draw.random()
    if odds < 0.1:
        inside = gzip.decompress(content)
        made = gzip.compress(inside[: draw.randrange(len(inside))], mtime=0)
        part = draw.choice(["blanks", "zeros"])
        return made + bombs[part] * draw.choice([1, 16]), Change(f"gzip: many {part}")
    if odds < 0.5:
        made, told = texts.spoiled_bytes(gzip.decompress(content), draw)
        return gzip.compress(made, mtime=0), Change(f"inside: {told.what}")
    return texts.spoiled_bytes(content, draw)


class _Evil:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("evil", "w")


def spoiled_npz(content: bytes, bombs: Bombs, draw: Random) -> tuple[bytes, Change]:
    """One array with another head, shape, type or content, or the file as bytes."""
    if draw.random() < 0.3:
        return texts.spoiled_bytes(content, draw)
    if draw.random() < 0.04:
        return bombs["npz"], Change(f"an array of {ZEROS} zeros")
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        members = {name: found.read(name) for name in found.namelist()}
    name = draw.choice(sorted(members))
    made, told = _array(members[name], draw)
    members[name] = made
    if draw.random() < 0.1:
        members[draw.choice(["../evil.npy", "/evil.npy", "a\x1bb.npy", "x"])] = members[name]
    sink = io.BytesIO()
    with zipfile.ZipFile(
        sink, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    ) as zipped:
        for key, each in members.items():
            zipped.writestr(zipfile.ZipInfo(key), each)
    return sink.getvalue(), Change(f"{name}: {told}")


def _array(content: bytes, draw: Random) -> tuple[bytes, str]:
    kind = draw.choice(["head", "shape", "type", "values", "pickle", "bytes"])
    if kind == "shape":
        shape = draw.choice(["()", "(0,)", "(-1,)", "(2, 1)", "(1, 2)", f"({10**13},)", "(2**70,)",
                             "(1.5,)", "None", "(1000000,)", "(", "((1,),)"])  # fmt: skip
        return npy(shape) + bytes(draw.choice([0, 8, 16])), f"shape {shape}"
    if kind == "type":
        descr = draw.choice(
            [
                "'<i8'",
                "'<c16'",
                "'|O'",
                "'<U4'",
                "'|S8'",
                "'<M8[s]'",
                "'>f8'",
                "'|b1'",
                "[('a', '<f8')]",
                "'<f2'",
                "'|V8'",
                "'x'",
                "1",
                "'<f16'",
            ]
        )
        return npy("(2,)", descr) + bytes(32), f"type {descr}"
    if kind == "values":
        size = draw.choice([1, 2, 3, 1000])
        odd = (float("nan"), float("inf"), -1.0, 0.0, 1e300, 5e-324, 1.0)
        sink = io.BytesIO()
        np.save(sink, np.array([draw.choice(odd) for _ in range(size)]))
        return sink.getvalue(), f"{size} odd values"
    if kind == "pickle":
        return npy("(1,)", "'|O'") + pickle.dumps([_Evil()]), "a pickle"
    if kind == "head":
        at = draw.randrange(min(len(content), 100))
        return content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :], f"head byte {at}"
    return texts.spoiled_bytes(content, draw)[0], "bytes"
