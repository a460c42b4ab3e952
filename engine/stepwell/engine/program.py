"""A program: a definition compiled once, immutable, shared by all its executions."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

from msgspec import Struct

from stepwell.definitions.jsonata import InvalidExpression
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.definitions.resources import Activity
from stepwell.engine.node import Node
from stepwell.engine.states import NODES
from stepwell.engine.states.task import TaskNode

if TYPE_CHECKING:
    from stepwell.definitions import model


class Program(Struct, frozen=True, kw_only=True):
    start_at: str
    nodes: Mapping[str, Node]
    """Every state of the machine by its name, nested ones too: names are unique in a machine."""
    timeout_seconds: int | None
    machine: "model.StateMachine"
    activities: tuple[tuple[str, str], ...]
    """The Tasks that activities perform: state and ARN."""


def compile_program(machine: "model.StateMachine") -> Program:
    """The program of a checked definition; raises InvalidDefinition for what cannot be run here."""
    if problems := _beyond_reach(machine):
        raise InvalidDefinition(problems)
    nodes = {}
    for location, name, state in _located(machine, ""):
        try:
            nodes[name] = NODES[state.type](name, state, machine.language_of(state))
        except InvalidExpression as fault:  # beyond the grammar that is checked: a regular expression, half a character
            raise InvalidDefinition([Problem(location, "INVALID_JSONATA_EXPRESSION", str(fault))]) from None
    return Program(
        start_at=machine.start_at,
        nodes=nodes,
        timeout_seconds=machine.timeout_seconds,
        machine=machine,
        activities=tuple((name, node.resource.arn) for name, node in nodes.items() if _is_activity(node)),
    )


def _is_activity(node: Node) -> TypeGuard[TaskNode]:
    return isinstance(node, TaskNode) and isinstance(node.resource, Activity)


def _located(scope: "model.Scope", location: str) -> "Iterator[tuple[str, str, model.BaseState]]":
    from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

    for name, state in scope.states.items():
        place = f"{location}/States/{name}"
        yield place, name, state
        if isinstance(state, model.ParallelState):
            for index, branch in enumerate(state.branches):
                yield from _located(branch, f"{place}/Branches[{index}]")
        elif isinstance(state, model.MapState):
            yield from _located(state.processor, f"{place}/{'ItemProcessor' if state.item_processor else 'Iterator'}")


def _beyond_reach(machine: "model.StateMachine") -> list[Problem]:
    """The states of a valid definition that this version does not run, each with its place."""
    from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

    problems = []
    for location, _, state in _located(machine, ""):
        if isinstance(state, model.MapState) and state.is_distributed:
            problems.append(
                Problem(location, "NOT_SUPPORTED", "This version of Stepwell does not run a Distributed Map yet")
            )
    return problems
