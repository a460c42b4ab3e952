"""Operations on activities, and on the tags of activities and state machines."""

from stepwell.adapters.api.api import Api, Caller, Params, Response, paged, tags_in
from stepwell.engine.operations import activities, tags
from stepwell.engine.registry import ActivityRecord


def create_activity(api: Api, caller: Caller, params: Params) -> Response:
    activity = activities.create_activity(
        api.runtime.registry,
        params["name"],
        at=api.now(),
        tags=tags_in(params),
        encryption_configuration=params.get("encryptionConfiguration"),
        region=caller.region,
        account=caller.account,
    )
    return {"activityArn": activity.arn, "creationDate": activity.created_at}


def delete_activity(api: Api, caller: Caller, params: Params) -> Response:
    activities.delete_activity(api.runtime.registry, params["activityArn"])
    return {}


def describe_activity(api: Api, caller: Caller, params: Params) -> Response:
    activity = activities.describe_activity(api.runtime.registry, params["activityArn"])
    return {**_listed(activity), "encryptionConfiguration": activity.encryption_configuration}


def list_activities(api: Api, caller: Caller, params: Params) -> Response:
    pages = api.pages(params, "ListActivities", caller.within)
    found = activities.list_activities(
        api.runtime.registry, within=caller.within, limit=pages.size + 1, after=pages.last()
    )
    return paged("activities", pages.page(found, key=lambda activity: activity.arn), _listed)


def _listed(activity: ActivityRecord) -> Response:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created_at}


# --- tags -------------------------------------------------------------------------------------------------------------


def tag_resource(api: Api, caller: Caller, params: Params) -> Response:
    tags.tag_resource(api.runtime.registry, params["resourceArn"], tags_in(params))
    return {}


def untag_resource(api: Api, caller: Caller, params: Params) -> Response:
    tags.untag_resource(api.runtime.registry, params["resourceArn"], params["tagKeys"])
    return {}


def list_tags_for_resource(api: Api, caller: Caller, params: Params) -> Response:
    found = tags.list_tags(api.runtime.registry, params["resourceArn"])
    return {"tags": [{"key": key, "value": value} for key, value in found.items()]}
