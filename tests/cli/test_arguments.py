"""A dataclass as the arguments of a command."""

from dataclasses import dataclass
from inspect import getmembers, isclass
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from heteroplan.cli import app as application
from heteroplan.cli import checking, comparing, exporting, fitting, measuring, planning
from heteroplan.cli.arguments import taking, written


@dataclass(frozen=True, kw_only=True)
class Words:
    first: Annotated[str, typer.Argument(metavar="WORD", help="What is said.")]
    often: Annotated[int, typer.Option(parser=int, metavar="N", help="How often.")] = written("2")
    loud: Annotated[bool, typer.Option("--loud", help="In capitals.")] = False
    more: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Also this.")] = None


def app_saying(said: list[Words]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @taking(Words)
    def say(words: Words) -> None:
        """Say words."""
        said.append(words)

    return app


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["a"], Words(first="a", often=2)),
        (["a", "--often", "3", "--loud"], Words(first="a", often=3, loud=True)),
        (["--more", "b", "a", "--more", "c"], Words(first="a", often=2, more=["b", "c"])),
    ],
)
def test_each_field_is_a_parameter_and_defaults_are_parsed(args: list[str], words: Words) -> None:
    said: list[Words] = []
    assert CliRunner().invoke(app_saying(said), args).exit_code == 0
    assert said == [words]


def test_help_shows_the_fields_in_their_order() -> None:
    text = CliRunner().invoke(app_saying([]), ["--help"]).output
    places = [text.index(each) for each in ("Say words.", "What is", "--often", "--loud", "--more")]
    assert places == sorted(places)


def test_no_command_is_given_an_option_that_its_arguments_do_not_have() -> None:
    """Typer's parameters are the fields, of each class of arguments that there is."""
    classes: dict[str, Any] = {
        name.removesuffix("Arguments").lower(): kind
        for module in (checking, comparing, exporting, fitting, measuring, planning)
        for name, kind in getmembers(module, isclass)
        if name.endswith("Arguments")
    }
    group = typer.main.get_command(application.app)
    commands: dict[str, Any] = group.commands  # type: ignore[attr-defined]
    assert set(classes) == {"plan", "check", "compare", "export", "demand", "fit"}
    for name, kind in classes.items():
        shown = [each.name for each in commands[name].params if each.name != "help"]
        assert shown == list(kind.__dataclass_fields__), name
