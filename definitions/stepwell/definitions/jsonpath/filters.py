"""What filters mean: a `Condition` to a predicate of an element and the whole document.

- A path that finds nothing is a value of its own, `MISSING`; the operators say what that is equal to.
- A step or an operator that cannot be applied makes the whole filter false, even below a `!`.
- Whether a path exists is asked of the element, even where it begins with `$`. An indefinite path exists where its
  definite part does and no name in it is missing; it need not select anything.
"""

from collections.abc import Callable

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.failures import FunctionFailed, PathNotApplicable, PathNotFound
from stepwell.definitions.jsonpath.java import value_text
from stepwell.definitions.jsonpath.operators import MISSING, OPERATORS
from stepwell.definitions.jsonpath.steps import (
    Comparison,
    Condition,
    Conjunction,
    Disjunction,
    Existence,
    Function,
    Literal,
    Negation,
    Operand,
    Property,
    Regex,
    Selector,
)

Predicate = Callable[[Json, Json], bool]
Reader = Callable[[Json, Json], Json]
ReaderCompiler = Callable[[Selector, bool], Reader]
"""Gives the reader of a nested path; the flag says that missing names are an error even in its indefinite part."""


def compile_filter(condition: Condition, compile_reader: ReaderCompiler) -> Predicate:
    """Whether a filter accepts an element: `accepts(element, document)`. May raise `FunctionFailed`."""
    holds = _compile(condition, compile_reader)

    def accepts(element: Json, document: Json) -> bool:
        try:
            return holds(element, document)
        except PathNotApplicable:
            return False

    return accepts


def _compile(condition: Condition, compile_reader: ReaderCompiler) -> Predicate:
    match condition:
        case Comparison():
            return _compile_comparison(condition, compile_reader)
        case Existence(selector, is_expected):
            return _compile_existence(selector, is_expected, compile_reader)
        case Negation(inner):
            negated = _compile(inner, compile_reader)
            return lambda element, document: not negated(element, document)
        case Conjunction(parts):
            return _compile_parts(parts, False, compile_reader)
        case Disjunction(parts):
            return _compile_parts(parts, True, compile_reader)


def _compile_parts(parts: tuple[Condition, ...], decisive: bool, compile_reader: ReaderCompiler) -> Predicate:
    """The first part that gives `decisive` decides, and what follows is not asked."""
    predicates = [_compile(part, compile_reader) for part in parts]

    def holds(element: Json, document: Json) -> bool:
        for predicate in predicates:
            if predicate(element, document) is decisive:
                return decisive
        return not decisive

    return holds


def _compile_comparison(comparison: Comparison, compile_reader: ReaderCompiler) -> Predicate:
    operator = OPERATORS[comparison.operator]
    if isinstance(comparison.right, Literal):
        left, literal = _compile_operand(comparison.left, compile_reader), comparison.right.value
        return lambda element, document: operator(left(element, document), literal)
    left = _compile_operand(comparison.left, compile_reader)
    right = _compile_operand(comparison.right, compile_reader)
    return lambda element, document: operator(left(element, document), right(element, document))


def _compile_operand(operand: Operand, compile_reader: ReaderCompiler) -> Reader:
    match operand:
        case Literal(value):
            return lambda _element, _document: value
        case Regex(pattern):
            return lambda _element, _document: pattern
        case Selector("@", ()):
            return lambda element, _document: element
        case Selector("@", (Property((name,)),)):
            return lambda element, _document: element.get(name, MISSING) if type(element) is dict else MISSING
        case _:
            return _compile_path_operand(operand, compile_reader)


def _compile_path_operand(selector: Selector, compile_reader: ReaderCompiler) -> Reader:
    read = compile_reader(selector, False)
    is_of_document = selector.root == "$"
    # What `keys()` gives is no JSON value to Jayway: it can be read, not compared.
    gives_keys = selector.definite and selector.is_function and selector.steps[-1] == Function("keys")

    def operand(element: Json, document: Json) -> Json:
        try:
            value = read(document if is_of_document else element, document)
        except (PathNotApplicable, FunctionFailed):
            raise
        except PathNotFound:
            return MISSING
        if gives_keys and value is not None:
            kind = "class java.util.LinkedHashMap$LinkedKeySet"
            raise FunctionFailed(f"Could not convert {kind}:{value_text(value)} to a ValueNode")
        return value

    return operand


def _compile_existence(selector: Selector, is_expected: bool, compile_reader: ReaderCompiler) -> Predicate:
    match selector.steps:
        case (Property((name,)),):
            return lambda element, _document: (type(element) is dict and name in element) is is_expected
    read = compile_reader(selector, True)

    def exists(element: Json, document: Json) -> bool:
        try:
            read(element, document)
        except (PathNotApplicable, FunctionFailed):
            raise
        except PathNotFound:
            return not is_expected
        return is_expected

    return exists
