from tests.scenario_files import ScenarioFiles


def test_a_shared_queue_and_a_promise_exclude_each_other(files: ScenarioFiles) -> None:
    files.workload["prefill_queue"] = "shared"
    files.load()
    files.workload["resilience"] = {"lose": "node", "serve": 0.5}
    problem = next(each for each in files.problems() if "prefill_queue" in each)
    assert "take per_replica, or resilience: none" in problem
