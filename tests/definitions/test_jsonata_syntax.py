"""The grammar of JSONata: which texts are expressions, how they are read, and what is said of the others."""

import sys

import pytest

from stepwell.definitions.jsonata.nodes import (
    Array,
    Assignment,
    Binary,
    Block,
    Call,
    Condition,
    Filter,
    Lambda,
    Literal,
    Name,
    Negation,
    Object,
    Regex,
    Sort,
    StepVariable,
    Symbol,
    Transform,
    Variable,
    left_of,
)
from stepwell.definitions.jsonata.syntax import MAX_NESTING, MAX_PARENTS, SyntaxFault, parse


def fault(text):
    with pytest.raises(SyntaxFault) as caught:
        parse(text)
    return caught.value.code, caught.value.message, caught.value.position


def shape(node):
    """The expression with every operator's operands in parentheses."""
    match node:
        case Name(value=value) | Variable(name=value) | Literal(value=value) | Symbol(symbol=value):
            return f"${value}" if isinstance(node, Variable) else str(value)
        case Binary():
            return f"({shape(node.left)} {node.operator} {shape(node.right)})"
        case Filter():
            return f"({shape(node.left)}[{shape(node.predicate)}])"
        case Negation():
            return f"(-{shape(node.operand)})"
        case Call():
            return f"{shape(node.left)}({', '.join(map(shape, node.arguments))})"
        case Assignment():
            return f"(${node.name} := {shape(node.value)})"
        case Condition():
            return f"({shape(node.left)} ? {shape(node.then)} : {shape(node.otherwise)})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a.b[0].c", "((a . (b[0.0])) . c)"),
        ("a = b and c or d", "(((a = b) and c) or d)"),
        ("a in b & c", "(a in (b & c))"),
        ("-a.b", "(-(a . b))"),
        ("- a * b", "((-a) * b)"),
        ("$x := $y := 1", "($x := ($y := 1.0))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ~> $f(1) ~> $g", "((a ~> $f(1.0)) ~> $g)"),
        ("and and or", "(and and or)"),
        ("a.**.*.%", "(((a . **) . *) . %)"),
        ("a[]", "a"),
        ("$f(?, 1)", "$f(?, 1.0)"),
        ("a /* what follows */ + b", "(a + b)"),
        ("a/b/c", "((a / b) / c)"),
    ],
)
def test_operators_hold_their_operands_as_strongly_as_in_jsonata(text, expected):
    assert shape(parse(text)) == expected


def test_every_kind_of_expression_has_a_node():
    text = '[1, {"k": `a b`}, (x; $y), λ($v)<s:s>{ $v }, |a|{}, ["z"]|, a^(>b), a@$v.c#$i, /a\\/[/]b/im, a{b: c}]'

    assert [type(item) for item in parse(text).items] == [
        Literal, Object, Block, Lambda, Transform, Sort, Binary, Regex, Object,
    ]  # fmt: skip


def test_an_operand_knows_where_its_token_ends():
    tree = parse("  abc  &  $de")

    assert (tree.left.position, tree.position, tree.right.position) == (5, 8, 13)


def test_a_path_goes_through_variables_of_steps():
    assert isinstance(parse("a@$v#$i"), StepVariable)


def test_escapes_in_texts_are_resolved():
    assert parse(r'"\u0041\n\"\\\/"').value == 'A\n"\\/'
    assert parse(r"'\ud83d\ude00'").value == "😀"


@pytest.mark.parametrize(
    ("text", "code", "message", "position"),
    [
        ('"abc', "S0101", "String literal must be terminated by a matching quote", 4),
        ("1e999", "S0102", 'Number out of range: "1e999"', 0),
        (r'"\q"', "S0103", 'Unsupported escape sequence: \\"q"', 2),
        (r'"\u12x4"', "S0104", "The escape sequence \\u must be followed by 4 hex digits", 2),
        ("`abc", "S0105", "Quoted property name must be terminated with a backquote (`)", 4),
        ("1 /* abc", "S0106", "Comment has no closing tag", 2),
        ("a b", "S0201", 'Syntax error: "b"', 3),
        ("1 2.50", "S0201", "Syntax error: 2.5", 6),
        ("a true", "S0201", "Syntax error: true", 6),
        ("[1;2]", "S0202", 'Expected "]", got ";"', 3),
        ("(1 + 2", "S0203", 'Expected ")" before end of expression', 6),
        ("a ! b", "S0204", 'Unknown operator: "!"', 3),
        ("", "S0207", "Unexpected end of expression", 0),
        ("a +", "S0207", "Unexpected end of expression", 3),
        ("function(x){ 1 }", "S0208", "Parameter 1 of function definition must be a variable name (start with $)", 10),
        ("[a]{b: c}[0]", "S0209", "A predicate cannot follow a grouping expression in a step", 10),
        ("a{b: c}{d: e}", "S0210", "Each step can only have one grouping expression", 8),
        ("a ?? b", "S0211", 'The symbol "?" cannot be used as a unary operator', 4),
        ("a ?: b", "S0211", 'The symbol ":" cannot be used as a unary operator', 4),
        ("a := 1", "S0212", "The left side of := must be a variable name (start with $)", 1),
        ("a.7", "S0213", "The literal value 7 cannot be used as a step within a path expression", 3),
        ("a.1e-7", "S0213", "The literal value 1e-7 cannot be used as a step within a path expression", 6),
        ("a.0.00001", "S0213", "The literal value 0.00001 cannot be used as a step within a path expression", 9),
        ("a.1e21", "S0213", "The literal value 1e+21 cannot be used as a step within a path expression", 6),
        ("a.null", "S0213", "The literal value null cannot be used as a step within a path expression", 6),
        ("a@b", "S0214", 'The right side of "@" must be a variable name (start with $)', 3),
        ("a[1]@$v", "S0215", "A context variable binding must precede any predicates on a step", 5),
        ("a^(b)@$v", "S0216", "A context variable binding must precede the 'order-by' clause on a step", 6),
        ("a.%.%", "S0217", "The object representing the 'parent' cannot be derived from this expression", None),
        ("$x.%", "S0217", "The object representing the 'parent' cannot be derived from this expression", 2),
        ("a, //", "S0201", 'Syntax error: ","', 2),
        ("[1, //]", "S0301", "Empty regular expressions are not allowed", 5),
        ("[1, /ab]", "S0302", "No terminating / in regular expression", 8),
        ("λ($x)<n<s>>{1}", "S0401", "Type parameters can only be applied to functions and arrays", 8),
        ("λ($x)<(sa<n>)>{1}", "S0402", "Choice groups containing parameterized types are not supported", 7),
    ],
)
def test_a_text_that_is_no_expression_is_refused_in_the_words_of_jsonata_js(text, code, message, position):
    assert fault(text) == (code, message, position)


def test_faults_of_tokens_are_told_before_those_of_paths():
    assert fault("a.7 + (b")[0] == "S0203"


def test_the_arguments_of_a_call_are_judged_before_its_function():
    assert fault("(a.1)(b.2)")[2] == 9


@pytest.mark.parametrize("opener", ["(", "[", "-", '{"a":', "$f(", "a ? b : ", "$x := ", "function(){", "a["])
def test_deep_nesting_is_refused_and_not_run_into(opener):
    assert fault(opener * 50_000)[:2] == ("U1001", f"Expression is nested more than {MAX_NESTING} levels deep")


@pytest.mark.parametrize("around", ["()", "[]", ("{'a':", "}"), ("function(){", "}"), ("a[", "]"), ("f(", ")")])
def test_nesting_up_to_the_bound_needs_less_than_half_of_the_stack(around):
    opener, closer = around
    text = opener * (MAX_NESTING // 2) + "1" + closer * (MAX_NESTING // 2)
    limit = sys.getrecursionlimit()
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 500)
    try:
        parse(text)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("link", ["+a", ".a", "[0]", "()", "&'x'", "^(a)", "~>$f"])
def test_a_chain_may_be_as_long_as_it_likes(link):
    node, length = parse("$a" + link * 20_000), 0
    while (left := left_of(node)) is not None:
        node, length = left, length + 1

    assert length == 20_000


def test_parents_are_counted():
    assert fault("%" + ".%" * MAX_PARENTS)[0] == "U1002"


def test_an_empty_array_and_an_empty_object_are_expressions():
    assert parse("[]") == Array((), 1)
    assert parse("{}") == Object(None, (), 1)
