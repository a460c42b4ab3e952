"""The spellings of AWS's names."""

import pytest

from stepwell.adapters.tasks.aws import names
from stepwell.adapters.tasks.aws.jobs import JOBS
from stepwell.adapters.tasks.aws.optimized import SEGMENTS, SERVICES
from stepwell.adapters.tasks.aws.wrappers import WRAPPERS
from stepwell.definitions.integrations import OPTIMIZED as CATALOGUE


@pytest.mark.parametrize(
    ("service_id", "name"),
    [
        ("DynamoDB", "DynamoDb"),
        ("SFN", "Sfn"),
        ("Secrets Manager", "SecretsManager"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("Config Service", "Config"),
        ("SESv2", "SesV2"),
        ("WAFV2", "Wafv2"),
        ("FSx", "FSx"),
        ("IoT", "Iot"),
        ("IoTSiteWise", "IoTSiteWise"),
        ("ACM PCA", "AcmPca"),
        ("Resource Groups Tagging API", "ResourceGroupsTaggingApi"),
        ("MemoryDB", "MemoryDB"),
    ],
)
def test_a_service_is_named_as_the_sdk_for_java_names_it(service_id, name):
    assert names.sdk_service(service_id) == name


@pytest.mark.parametrize(
    ("api", "optimized", "sdk"),
    [
        ("TableName", "TableName", "TableName"),
        ("cluster", "Cluster", "Cluster"),
        ("MD5OfMessageBody", "MD5OfMessageBody", "Md5OfMessageBody"),
        ("DBInstanceIdentifier", "DBInstanceIdentifier", "DbInstanceIdentifier"),
        ("ETag", "ETag", "ETag"),
        ("ChecksumCRC32", "ChecksumCRC32", "ChecksumCRC32"),
        ("ACL", "ACL", "Acl"),
    ],
)
def test_the_two_kinds_of_integrations_spell_members_differently(api, optimized, sdk):
    assert (names.capitalized(api), names.sdk_member(api)) == (optimized, sdk)


@pytest.mark.parametrize(
    ("shape", "optimized", "sdk"),
    [
        ("ResourceNotFoundException", "ResourceNotFoundException", "ResourceNotFoundException"),
        ("NoSuchKey", "NoSuchKeyException", "NoSuchKeyException"),
        ("StateMachineDoesNotExist", "StateMachineDoesNotExistException", "StateMachineDoesNotExistException"),
        ("DBInstanceNotFoundFault", "DBInstanceNotFoundException", "DbInstanceNotFoundException"),
    ],
)
def test_an_exception_is_named_after_the_shape_of_the_error(shape, optimized, sdk):
    assert (names.optimized_exception(shape), names.sdk_exception(shape)) == (optimized, sdk)


@pytest.fixture(scope="module")
def session():
    from botocore.session import Session

    return Session()


@pytest.mark.parametrize("segment", [*names.CLIENTS, "s3", "dynamodb", "applicationautoscaling", "emrcontainers"])
def test_every_segment_leads_to_the_service_that_it_names(session, segment):
    name = names.client_name(segment, session.get_available_services())
    if name is None:
        pytest.skip("this botocore has no such service")

    assert names.segment_of(session.get_service_model(name).service_id) == segment


@pytest.mark.parametrize("name", SERVICES)
def test_the_actions_of_optimized_integrations_are_those_of_the_api(session, name):
    service = SERVICES[name]
    client = names.client_name(service.segment, session.get_available_services())
    operations = {names.uncapitalized(one) for one in session.get_service_model(client).operation_names}
    jobs = [job for (of, _), job in JOBS.items() if of == name]
    wrappers = {action: wrapper for (of, action), wrapper in WRAPPERS.items() if of == name}
    called = {action for action in service.actions if (name, action) not in SEGMENTS} - wrappers.keys()
    wrapped = {wrapper.action for wrapper in wrappers.values()}
    wrapped |= {wrapper.wanted.ask for wrapper in wrappers.values() if wrapper.wanted}

    assert called | wrapped | {job.ask for job in jobs} | {job.stop for job in jobs if job.stop} <= operations
    assert service.actions <= CATALOGUE[name].keys()


def test_a_job_is_begun_by_an_action_of_its_service():
    assert all(action in SERVICES[name].actions for name, action in JOBS)
