from dataclasses import replace

from heteroplan.entities.fleet import GpuType
from heteroplan.entities.workload import DecodeCoefficients
from heteroplan.profiles.fitting.plausibility import faster_than_memory, unknown_gpu
from tests.builders import engine

H100 = GpuType("H100-SXM-80GB", 80.0, memory_bytes_per_s=3.35e12)


def test_no_decode_reads_its_cache_faster_than_memory() -> None:
    """327,680 bytes a token from 4 x 3.35 TB/s: 2.445e-5 ms at least."""
    slow = replace(engine(), decode=DecodeCoefficients(20.0, 0.1, 2.45e-5))
    fast = replace(engine(), decode=DecodeCoefficients(20.0, 0.1, 2.4e-5))
    assert faster_than_memory(slow, H100, 327_680.0) is None
    told = faster_than_memory(fast, H100, 327_680.0)
    assert told is not None
    assert "2.4e-05 ms of a step" in told
    assert "2.45e-05 ms at least" in told
    assert faster_than_memory(fast, H100, None) is None


def test_an_unknown_gpu_is_told_what_may_be_meant() -> None:
    known = ["H100-SXM-80GB", "H100-PCIE-80GB", "L4-24GB"]
    assert "did you mean H100-PCIE-80GB or H100-SXM-80GB?" in unknown_gpu("h100", known)
    assert "did you mean" not in unknown_gpu("MI300X", known)


def test_words_of_a_name_go_before_its_first_letters() -> None:
    known = ["A10-24GB", "A100-PCIE-40GB", "A100-SXM-40GB", "A100-SXM-80GB"]
    assert "did you mean A10-24GB?" in unknown_gpu("A10", known)
    assert "did you mean A100-PCIE-40GB or A100-SXM-40GB?" in unknown_gpu("A100-40GB", known)
    assert unknown_gpu("A1", known).count(" or ") == 3
