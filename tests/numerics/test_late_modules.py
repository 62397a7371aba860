"""Modules that wait for their first use, in processes of their own."""

import subprocess
import sys

WAITS = """
from heteroplan.numerics.late_modules import load_late
load_late("wave")
import wave as late
before = "struct" in vars(late)
print(before, late.WAVE_FORMAT_PCM, late.struct.calcsize("i"))
import wave
from wave import Wave_read
print(wave is not late, Wave_read is late.Wave_read, "struct" in vars(wave))
"""
PULP = """
import sys
import heteroplan.optimize.model
print("cpsat_logutils" in sys.modules)
import orloge
print(callable(orloge.get_info_solver), "cpsat_logutils" in sys.modules)
"""


def told(program: str) -> str:
    """What a program prints in a fresh process."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


def test_a_module_is_loaded_at_its_first_use() -> None:
    assert told(WAITS).split() == ["False", "1", "4", *["True"] * 3]


def test_a_module_that_is_not_there_is_left_alone() -> None:
    program = "from heteroplan.numerics.late_modules import load_late\nload_late('not_there')"
    assert told(f"{program}\nimport sys\nprint('not_there' in sys.modules)") == "False\n"


def test_pulp_does_not_wait_for_its_reader_of_logs() -> None:
    assert told(PULP).split() == ["False", "True", "True"]
