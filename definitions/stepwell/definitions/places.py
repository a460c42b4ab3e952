"""Places in the text of a definition: where each member and element begins, and how a location finds its place."""

import re
from collections.abc import Iterator


class Node:
    """A place in the text: where a member's key, or an element, begins, and the places below it."""

    __slots__ = ("members", "offset")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.members: dict[str, Node] | list[Node] | None = None


def below(node: Node, step: str | int) -> Node | None:
    """The place of a member or an element of this one."""
    if isinstance(node.members, dict):
        return node.members.get(str(step))
    if isinstance(node.members, list) and isinstance(step, int) and step < len(node.members):
        return node.members[step]
    return None


_INDEX = re.compile(r"\[([0-9]{1,9})\]")


def deepest(root: Node, location: str) -> Node:
    """The node a location names, else the one that takes most of it.

    Every node is reached by one way only, so looking back and forth visits no node twice.
    """
    best, best_end = root, 0
    waiting = [(root, 0)]
    while waiting:
        node, start = waiting.pop()
        if start > best_end:
            best, best_end = node, start
        if start == len(location):
            return node
        # The longest name comes off the stack first.
        waiting.extend(_steps(node, location, start))
    return best


def _steps(node: Node, location: str, start: int) -> Iterator[tuple[Node, int]]:
    if isinstance(node.members, list):
        match = _INDEX.match(location, start)
        if match and int(match[1]) < len(node.members):
            yield node.members[int(match[1])], match.end()
    elif isinstance(node.members, dict) and location[start] == "/":
        for end in range(start + 1, len(location) + 1):
            if end == len(location) or location[end] in "/[":
                below = node.members.get(location[start + 1 : end])
                if below is not None:
                    yield below, end
