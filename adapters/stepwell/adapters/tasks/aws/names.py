"""The three spellings of AWS's names, and the way from one to another.

An API's model (botocore's) says `DBInstanceIdentifier` and `cluster`. Optimized integrations spell as version 1 of the
AWS SDK for Java does: the first letter is made large. The `aws-sdk` integrations spell as version 2 does, which takes
an acronym for a word: `DbInstanceIdentifier`. Services, actions and exceptions follow from the models by the same
rules; only what no rule gives stands in a table.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

CLIENTS: Mapping[str, str] = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""botocore's names of services, by their segments, where it is not the segment with hyphens put in."""

PREFIXES: Mapping[str, str] = {"MemoryDb": "MemoryDB"}
"""Services that Step Functions spells otherwise than the rule does."""


def client_name(segment: str, available: Iterable[str]) -> str | None:
    """botocore's name of the service that `aws-sdk:<segment>` calls, out of those that it has; None where none is."""
    named = CLIENTS.get(segment, segment)
    return next((name for name in available if name == named or name.replace("-", "") == segment), None)


def segment_of(service_id: str) -> str:
    """The segment of a Resource by which a service is called: `sfn`, `cloudwatchlogs`, `costexplorer`."""
    return sdk_service(service_id).lower()


@lru_cache(maxsize=512)
def sdk_service(service_id: str) -> str:
    """The name of a service in the errors of `aws-sdk` integrations, from the serviceId of its model: `DynamoDb`."""
    name = pascal_case(service_id)
    name = name.removeprefix("Amazon").removeprefix("Aws").removesuffix("Service")
    return PREFIXES.get(name, name)


def pascal_case(name: str) -> str:
    """The words of a name, each with one large letter: `DynamoDB` is `DynamoDb`, `IoT` is `Iot`."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)  # a version is a word: SESv2
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return "".join(word.capitalize() for word in text.split())


def capitalized(name: str) -> str:
    """The spelling of optimized integrations: `cluster` is `Cluster`, `MD5OfMessageBody` stays."""
    return name[:1].upper() + name[1:]


@lru_cache(maxsize=8192)
def sdk_member(name: str) -> str:
    """The spelling of `aws-sdk` integrations: `DBInstanceIdentifier` is `DbInstanceIdentifier`, `ETag` stays."""
    return capitalized(uncapitalized(name))


def uncapitalized(name: str) -> str:
    """The name with its first word made small, which may be an acronym: `createDBSnapshot`, `dbSnapshot`, `eTag`."""
    end = 1
    while end < len(name) and name[end].isupper() and not (end + 1 < len(name) and name[end + 1].islower()):
        end += 1
    return name[:end].lower() + name[end:]


def optimized_exception(shape: str) -> str:
    """The exception of a modelled error in the errors of optimized integrations: `NotFoundException`."""
    if shape.endswith("Fault"):
        return capitalized(f"{shape.removesuffix('Fault')}Exception")
    return shape if shape.endswith("Exception") else capitalized(f"{shape}Exception")


def sdk_exception(shape: str) -> str:
    """The exception of a modelled error in the errors of `aws-sdk` integrations: `NoSuchKeyException`."""
    return pascal_case(shape.removesuffix("Fault").removesuffix("Exception")) + "Exception"
