"""GPU types that a fleet may name without describing them.

Memory as in aiconfigurator-core 0.12.0, systems/*.yaml (Apache-2.0), in bytes.
"""

from heteroplan.entities.fleet import GpuType
from heteroplan.units import BYTES_PER_GIB

_MEMORY_BYTES = {
    "A30-24GB": 25_769_803_776,
    "A100-PCIE-80GB": 85_899_345_920,
    "A100-SXM-80GB": 85_899_345_920,
    "B60-24GB": 25_769_803_776,
    "B200-SXM-180GB": 193_273_528_320,
    "B300-SXM-288GB": 288_400_343_040,
    "GB200-186GB": 198_674_743_296,
    "GB300-279GB": 298_013_687_808,
    "H100-PCIE-80GB": 85_899_345_920,
    "H100-SXM-80GB": 85_899_345_920,
    "H200-SXM-141GB": 151_397_597_184,
    "L4-24GB": 25_769_803_776,
    "L40S-48GB": 48_305_799_168,
    "RTX-PRO-6000-SERVER-96GB": 102_641_958_912,
}

BUILT_IN = {name: GpuType(name, memory / BYTES_PER_GIB) for name, memory in _MEMORY_BYTES.items()}
"""Built-in GPU types by name."""
