"""Cassettes: the answers that the tasks of a run got, kept in a file and played back without a network.

    {"stepwell": 1, "calls": [
      {"stateMachine": "order", "state": "Charge", "resource": "arn:aws:states:::dynamodb:putItem",
       "input": {...}, "output": {...}}
    ]}

A call has `input`, which is what the task gave, and what became of it: `submitted`, where there was a first answer, and
`output`, or `error` and `cause`, or none of them where no answer came in time. Instead of a cassette one may play what
`aws stepfunctions get-execution-history` prints: a run on AWS, played back here.
"""

from stepwell.adapters.tasks.cassettes.files import read_cassette, write_cassette
from stepwell.adapters.tasks.cassettes.recording import InvalidCassette, RecordedCall, calls_of, calls_of_run
from stepwell.adapters.tasks.cassettes.replay import NOT_RECORDED, ReplayedTasks, not_recorded, played_in

__all__ = [
    "NOT_RECORDED",
    "InvalidCassette",
    "RecordedCall",
    "ReplayedTasks",
    "calls_of",
    "calls_of_run",
    "not_recorded",
    "played_in",
    "read_cassette",
    "write_cassette",
]
