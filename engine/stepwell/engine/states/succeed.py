"""Succeed: ends its scope well."""

from stepwell.engine.states.pass_ import PassNode


class SucceedNode(PassNode):
    """As a Pass state that nothing follows."""

    __slots__ = ()
