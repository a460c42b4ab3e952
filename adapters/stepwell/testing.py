"""Stepwell in your tests: the API of Step Functions in the test's own process.

    from stepwell.testing import client

    sfn = client(functions={"Charge": lambda event: {"id": 7}}, fast_forward=True)
    machine = sfn.create_state_machine(name="order", definition=definition, roleArn=role)
    started = sfn.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")

What `client` gives is a client of boto3, so code under test may be handed it in the place of its own. Nothing goes over
a network, and no credentials are needed.
"""

import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any

from stepwell.adapters.runs import Definition
from stepwell.adapters.server.in_process import ENDPOINT, Answering
from stepwell.adapters.server.metrics import Metrics
from stepwell.adapters.server.setup import Setup, opened
from stepwell.adapters.tasks.bindings import Functions
from stepwell.adapters.tasks.mock_files import MockFile
from stepwell.engine import arns
from stepwell.engine.ports import TaskHandler

__all__ = ["client"]


def client(
    endpoint_url: str | None = None,
    *,
    functions: Functions | None = None,
    state_machines: Mapping[str, Definition] | None = None,
    mock_config: str | PathLike[str] | None = None,
    world: TaskHandler | None = None,
    data: str | PathLike[str] | None = None,
    fast_forward: bool = False,
    region_name: str = arns.DEFAULT_REGION,
    account_id: str = arns.DEFAULT_ACCOUNT,
) -> Any:
    """A boto3 client for Step Functions, ready for every operation, StartSyncExecution and TestState included.

    With `endpoint_url` it calls the server there, and takes nothing else but the region. Without, it has an engine of
    its own in this process, with `functions`, `state_machines` and `world` as `Engine` takes them, and with the test
    cases of a mock configuration file (`stateMachineArn#TestCase`); `data` is a directory that keeps everything, else
    all is in memory, and gone with the client. Raises StoreFailed and InvalidMockConfig.
    """
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    made = session.client(
        "stepfunctions",
        endpoint_url=endpoint_url or ENDPOINT,
        region_name=region_name,
        aws_access_key_id=account_id,
        aws_secret_access_key="none",
        # AWS has a host of its own for the operations that wait; here all of them are at one address.
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )
    if endpoint_url is None:
        setup = Setup(
            data=None if data is None else Path(data),
            functions=functions,
            state_machines=state_machines or {},
            beside=world,
            mock_file=None if mock_config is None else MockFile(mock_config),
            fast_forward=fast_forward,
        )
        own = ExitStack()
        api = own.enter_context(opened(setup, Metrics()))
        weakref.finalize(made, own.close)
        made.meta.events.register("before-send.sfn", Answering(api))
    return made
