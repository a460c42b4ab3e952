"""What is asked of a state machine's loggingConfiguration before it is kept."""

from collections.abc import Callable

from stepwell.engine.errors import InvalidLoggingConfiguration
from stepwell.engine.logs import log_groups
from stepwell.engine.registry import Configuration


def checked_logging_configuration(
    configuration: Configuration, exists: Callable[[str], bool] = lambda group: True
) -> Configuration:
    """The configuration, if executions can be logged by it. Raises InvalidLoggingConfiguration.

    `exists` tells whether there is a log group of this name. What is switched off may say anything (recorded: an empty
    list of destinations). No refusal of an ARN without `:*` at its end is recorded: there is no such destination.
    """
    if configuration.get("level", "OFF") == "OFF":
        return configuration
    groups = log_groups(configuration)
    if len(groups) != 1:
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Must specify exactly one Log Destination.")
    if groups[0] is None or not exists(groups[0]):
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Log Destination not found.")
    return configuration
