"""Options that several commands have."""

from pathlib import Path

import click

data = click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Where executions are kept [.stepwell]."
)
functions = click.option(
    "--functions",
    "module_name",
    metavar="MODULE|FILE.py",
    help="Where the Python functions are that perform the tasks: each is found by the name of the Lambda function or "
    "of the state. Charge-Card and ChargeCard find charge_card too.",
)
mock_config = click.option(
    "--mock-config", metavar="FILE", help="Results for tasks: the mock file of Step Functions Local."
)
test_case = click.option(
    "--test-case", metavar="NAME", help="Which test case of the mock file. Not needed where it has only one."
)
end_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON object about the execution, not its output alone."
)
state_input = click.option(
    "-i",
    "--input",
    "given_input",
    metavar="JSON|@FILE|-",
    help="The state's input: JSON text, @FILE to read it from a file, - to read it from stdin. Without it: {}.",
)
