"""Writes definitions/stepwell/definitions/integration_parameters.py from botocore's models.

    python contrib/integration_parameters.py > definitions/stepwell/definitions/integration_parameters.py

The definitions know no botocore: what they must know of the APIs is one line for each action, and is committed.
"""

import sys
import textwrap
from typing import Any

from botocore.session import Session  # noqa: TID251

ACTIONS = {
    "athena": "startQueryExecution stopQueryExecution getQueryExecution getQueryResults",
    "batch": "submitJob",
    "bedrock": "createModelCustomizationJob",
    "codebuild": "startBuild stopBuild batchDeleteBuilds batchGetReports startBuildBatch stopBuildBatch "
    "retryBuildBatch deleteBuildBatch",
    "databrew": "startJobRun",
    "dynamodb": "getItem putItem updateItem deleteItem",
    "ecs": "runTask",
    "eks": "createCluster deleteCluster createNodegroup deleteNodegroup createFargateProfile deleteFargateProfile",
    "emr-containers": "createVirtualCluster deleteVirtualCluster startJobRun",
    "emr-serverless": "createApplication startApplication stopApplication deleteApplication startJobRun cancelJobRun",
    "events": "putEvents",
    "glue": "startJobRun",
    "lambda": "invoke",
    "mediaconvert": "createJob",
    "sagemaker": "createTrainingJob createTransformJob createProcessingJob createHyperParameterTuningJob "
    "createLabelingJob createModel createEndpoint createEndpointConfig updateEndpoint",
    "sns": "publish",
    "sqs": "sendMessage",
}
"""The actions whose parameters are the members of the API's operation of this name."""

KINDS = {
    "boolean": ":b",
    "double": ":n",
    "float": ":n",
    "integer": ":n",
    "list": ":l",
    "long": ":n",
    "map": ":m",
    "structure": ":m",
}

HEADER = '''"""What the APIs behind optimized integrations take. Written by contrib/integration_parameters.py.

For each action its parameters: `!` stands behind one that is required, `:` before the kind of value it takes: `l` an
array, `m` an object, `n` a number, `b` a boolean; whatever has none is a text, a moment or bytes.
"""

from collections.abc import Mapping

PARAMETERS: Mapping[str, str] = {'''


def main() -> None:
    session = Session()
    lines = [HEADER]
    for service, actions in ACTIONS.items():
        model = session.get_service_model(service)
        for action in actions.split():
            row = _row(model.operation_model(action[0].upper() + action[1:]).input_shape)
            lines += _entry(f"{service}:{action}", row)
    sys.stdout.write("\n".join([*lines, "}\n"]))


def _row(shape: Any) -> str:
    return " ".join(_field(shape, name) for name in shape.members)


def _field(shape: Any, name: str) -> str:
    member = shape.members[name]
    is_required = name in shape.required_members and not member.metadata.get("idempotencyToken")
    kind = "" if getattr(member, "is_document_type", False) else KINDS.get(member.type_name, "")
    return name[0].upper() + name[1:] + ("!" if is_required else "") + kind


def _entry(key: str, row: str) -> list[str]:
    if len(line := f'    "{key}": "{row}",') <= 120:
        return [line]
    parts = textwrap.wrap(row, 106, break_on_hyphens=False)
    shown = [f'        "{part}{" " if part is not parts[-1] else ""}"' for part in parts]
    return [f'    "{key}": (', *shown, "    ),"]


main()
