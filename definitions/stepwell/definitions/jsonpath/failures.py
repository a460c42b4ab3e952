"""What goes wrong with a path, in the words of the Java library.

    PathFailure
        InvalidPath              the text is no path: raised when it is compiled
        PathNotFound             the document has nothing there: raised when it is read
            WrongKind            a member was asked of what is no object, an element of what is no array
            PathNotApplicable    a step was met by a kind of value it cannot be applied to; inside a filter that
                                 makes the condition false, whatever stands around it
            FunctionFailed       a function or an operator gave up; not even a filter forgives it

The library's classes are, in this order, JsonPathException, InvalidPathException, PathNotFoundException twice, then
InvalidPathException and JsonPathException again: the same two are also raised by reading.
"""


class PathFailure(Exception):
    """Its text is Jayway's message, to the letter."""


class InvalidPath(PathFailure):
    """The text is no path."""


class PathNotFound(PathFailure):
    """The document has no value at the path."""


class WrongKind(PathNotFound):
    """A member was asked of a value that is no object, or an element of one that is no array."""


class PathNotApplicable(PathNotFound):
    """A step, or an operator of a filter, cannot be applied to the kind of value it met."""


class FunctionFailed(PathNotFound):
    """A path function, or an operator of a filter, cannot yield a value."""


class JavaError(Exception):
    """A fault in parsing that the library meets as a Java exception. Its text is that exception's `toString()`.

    Internal: a filter turns it into its own message, the path compiler into an `InvalidPath` that quotes it.
    """
