"""The caller's errors, named as AWS names them.

CallerError
    ExecutionAlreadyExists   ExecutionDoesNotExist   InvalidExecutionInput   InvalidName   InvalidOutput
    InvalidToken
"""


class CallerError(Exception):
    """The request cannot be met. The text is AWS's."""

    @property
    def code(self) -> str:
        return type(self).__name__


class ExecutionAlreadyExists(CallerError):
    pass


class ExecutionDoesNotExist(CallerError):
    pass


class InvalidExecutionInput(CallerError):
    pass


class InvalidName(CallerError):
    pass


class InvalidOutput(CallerError):
    pass


class InvalidToken(CallerError):
    def __init__(self) -> None:
        super().__init__("Invalid Token: 'Invalid token'")
