"""The configurations of state machines and activities: completed with AWS's defaults, and checked."""

from stepwell.definitions.expressions import Json
from stepwell.engine.errors import InvalidEncryptionConfiguration
from stepwell.engine.registry import Configuration

CUSTOMER_KEY = "CUSTOMER_MANAGED_KMS_KEY"
REUSE_SECONDS = 300
"""How long a data key is used where nothing is said. API model, EncryptionConfiguration."""


def logging(given: Configuration | None) -> Configuration:
    return {"level": "OFF", "includeExecutionData": False, **(given or {})}


def tracing(given: Configuration | None) -> Configuration:
    return {"enabled": False, **(given or {})}


def encryption(given: Configuration | None) -> Configuration:
    """Raises InvalidEncryptionConfiguration for a key without its kind, and for a kind without its key.

    Nothing is encrypted here: the configuration is kept and shown, for what is deployed to AWS.
    """
    found: dict[str, Json] = {"type": "AWS_OWNED_KEY", **(given or {})}
    has_key = bool(found.get("kmsKeyId"))
    if found["type"] == CUSTOMER_KEY:
        if not has_key:
            raise InvalidEncryptionConfiguration("Invalid Encryption Configuration: 'kmsKeyId is required'")
        return {"kmsDataKeyReusePeriodSeconds": REUSE_SECONDS, **found}
    if has_key or "kmsDataKeyReusePeriodSeconds" in found:
        raise InvalidEncryptionConfiguration(
            "Invalid Encryption Configuration: 'kmsKeyId and kmsDataKeyReusePeriodSeconds need the type "
            f"{CUSTOMER_KEY}'"
        )
    return found
