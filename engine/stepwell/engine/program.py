"""A program: a definition compiled once, immutable, shared by all its executions."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from stepwell.definitions import model
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.engine.node import Node
from stepwell.engine.states import NODES


class Program(Struct, frozen=True, kw_only=True):
    start_at: str
    nodes: Mapping[str, Node]
    """Every state of the machine by its name, nested ones too: names are unique in a machine."""
    timeout_seconds: int | None
    machine: model.StateMachine


def compile_program(machine: model.StateMachine) -> Program:
    """The program of a checked definition; raises InvalidDefinition for what cannot be run here."""
    if problems := _beyond_reach(machine):
        raise InvalidDefinition(problems)
    return Program(
        start_at=machine.start_at,
        nodes={name: NODES[state.type](name, state, machine.language_of(state)) for name, state in machine.walk()},
        timeout_seconds=machine.timeout_seconds,
        machine=machine,
    )


def _located(scope: model.Scope, location: str) -> Iterator[tuple[str, model.BaseState]]:
    for name, state in scope.states.items():
        place = f"{location}/States/{name}"
        yield place, state
        if isinstance(state, model.ParallelState):
            for index, branch in enumerate(state.branches):
                yield from _located(branch, f"{place}/Branches[{index}]")
        elif isinstance(state, model.MapState):
            yield from _located(state.processor, f"{place}/{'ItemProcessor' if state.item_processor else 'Iterator'}")


def _beyond_reach(machine: model.StateMachine) -> list[Problem]:
    """The states of a valid definition that this version does not run, each with its place."""
    problems = []
    for location, state in _located(machine, ""):
        if isinstance(state, model.MapState) and state.is_distributed:
            problems.append(
                Problem(location, "NOT_SUPPORTED", "This version of Stepwell does not run a Distributed Map yet")
            )
    return problems
