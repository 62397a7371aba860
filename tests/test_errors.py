from heteroplan.errors import MOST_NOTED, InputError, InputProblem


def told(*counts: int) -> list[str]:
    """Messages of as many problems of files a, b and so on."""
    return str(
        InputError(
            InputProblem("abc"[file], line, "", "", "wrong")
            for file, count in enumerate(counts)
            for line in range(1, count + 1)
        )
    ).splitlines()


def test_the_first_problems_of_each_file_are_told_and_the_others_counted() -> None:
    assert told(3) == ["a:1: wrong", "a:2: wrong", "a:3: wrong"]
    found = told(30, 21, 22)
    assert [len([each for each in found if each[0] == file]) for file in "abc"] == [21, 21, 21]
    assert found[20] == "a:30: and 10 more problems, the last one here"
    assert found[41] == "b:21: wrong", "as short as saying that there is one more"
    assert found[62] == "c:22: and 2 more problems, the last one here"


def test_the_count_is_a_least_one_where_reading_stops() -> None:
    assert told(MOST_NOTED)[-1] == "a:100: and at least 80 more problems, the last one here"


def test_problems_that_were_told_are_told_again_as_they_were() -> None:
    once = InputError(InputProblem("a", line, "", "", "wrong") for line in range(50))
    assert InputError(once.problems).problems == once.problems


def test_a_problem_counts_once() -> None:
    problem = InputProblem("a", 1, "", "", "wrong")
    assert InputError([problem] * 100).problems == (problem,)
