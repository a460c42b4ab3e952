"""The world that state machines call: Lambda functions, AWS services and HTTP APIs, offline or for real.

    from stepwell.local import run
    from stepwell.world import World

    with World(calls="moto", template="template.yaml") as world:
        result = run("template.yaml#Order", {"orderId": 7}, world=world)
        assert world.client("dynamodb").scan(TableName="Orders")["Count"] == 1

`run`, `Engine` and `stepwell.testing.client` take a world. Without one they call the functions they are given, and
nothing else.
"""

from stepwell.adapters.configuration import Configuration, InvalidConfiguration, read_configuration
from stepwell.adapters.tasks.aws.endpoints import InvalidEndpoint
from stepwell.adapters.tasks.aws.seeds import InvalidSeeds
from stepwell.adapters.tasks.cassettes import InvalidCassette
from stepwell.adapters.tasks.lambda_functions import InvalidFunction
from stepwell.adapters.tasks.world import World

__all__ = [
    "Configuration",
    "InvalidCassette",
    "InvalidConfiguration",
    "InvalidEndpoint",
    "InvalidFunction",
    "InvalidSeeds",
    "World",
    "read_configuration",
]
