"""The caller's errors, named as AWS names them.

CallerError
    ActivityAlreadyExists   ActivityDoesNotExist   ConflictException   ExecutionAlreadyExists   ExecutionDoesNotExist
    ExecutionNotRedrivable   InvalidArn   InvalidDefinition   InvalidEncryptionConfiguration   InvalidExecutionInput
    InvalidLoggingConfiguration   InvalidName   InvalidOutput   InvalidToken   MissingRequiredParameter
    ResourceNotFound   SerializationException   ServiceQuotaExceededException   StateMachineAlreadyExists
    StateMachineDeleting   StateMachineDoesNotExist   StateMachineTypeNotSupported   TaskTimedOut   TooManyTags
    UnknownOperationException   ValidationException
"""


class CallerError(Exception):
    """The request cannot be met. The text is AWS's."""

    @property
    def code(self) -> str:
        return type(self).__name__


class ActivityAlreadyExists(CallerError):
    pass


class ActivityDoesNotExist(CallerError):
    pass


class ConflictException(CallerError):
    pass


class ExecutionAlreadyExists(CallerError):
    pass


class ExecutionDoesNotExist(CallerError):
    pass


class ExecutionNotRedrivable(CallerError):
    pass


class InvalidArn(CallerError):
    pass


class InvalidDefinition(CallerError):
    """What an execution was to be started of cannot be run."""


class InvalidEncryptionConfiguration(CallerError):
    pass


class InvalidExecutionInput(CallerError):
    pass


class InvalidLoggingConfiguration(CallerError):
    pass


class InvalidName(CallerError):
    pass


class InvalidOutput(CallerError):
    pass


class InvalidToken(CallerError):
    def __init__(self) -> None:
        super().__init__("Invalid Token: 'Invalid token'")


class MissingRequiredParameter(CallerError):
    pass


class ResourceNotFound(CallerError):
    pass


class SerializationException(CallerError):
    """A request that is no JSON, or has a value of another type than the API's."""


class ServiceQuotaExceededException(CallerError):
    pass


class StateMachineAlreadyExists(CallerError):
    pass


class StateMachineDeleting(CallerError):
    pass


class StateMachineDoesNotExist(CallerError):
    pass


class StateMachineTypeNotSupported(CallerError):
    """An operation that Express machines do not have, or Standard ones."""

    def __init__(self) -> None:
        super().__init__("This operation is not supported by this type of state machine")


class TaskTimedOut(CallerError):
    """Nobody waits for the task any more: it was answered, timed out, or went with its execution."""

    def __init__(self) -> None:
        super().__init__("Task Timed Out: 'Provided task does not exist anymore'")


class TooManyTags(CallerError):
    pass


class UnknownOperationException(CallerError):
    """The API has no such operation."""


class ValidationException(CallerError):
    pass
