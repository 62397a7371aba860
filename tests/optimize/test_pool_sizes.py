"""Replicas that serve more in larger pools: plans and bounds against everything there is."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from heteroplan.errors import NoPlanError
from heteroplan.optimize.formulation.model import cap_shortage
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import group_cover, mixed_flow, safe_share
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.program.sizes import SizedLoad, at_sizes, reference_load
from heteroplan.optimize.solve import Outcome, solve
from tests.builders import candidates
from tests.optimize.case import batches
from tests.optimize.enumeration import TooLargeError, best_plan
from tests.optimize.plan_checks import faults_of
from tests.optimize.random_cases import FEATURES, random_case
from tests.optimize.reference import minimised, solved
from tests.optimize.sized_cases import sized
from tests.optimize.sized_reference import true_model
from tests.optimize.test_brute_force import requests, tiny

NOT_SEEN = {"resilience"}
"""Features that the reference does not know with sizes."""
WITHIN = 0.02
"""What plans may cost above the optimum, relative."""
