"""The limits of the service, each with its source. Sizes are bytes of UTF-8."""

PAYLOAD_BYTES = 262_144
"""Input, output and result of a state, a variable, all of one Assign. Developer guide, quotas on executions."""

VARIABLES_BYTES = 10 * 1024 * 1024
"""All variables of one execution. Developer guide, Assign."""

HISTORY_EVENTS = 25_000
"""Standard executions: event 25,000 is the ExecutionFailed itself (measured on AWS)."""

REDRIVE_EVENTS = 24_999
"""A history of so many events has no room for those of a redrive. API model, RedriveExecution."""

REDRIVE_SECONDS = 14 * 24 * 3600
"""How long after its end an execution can be redriven. API model, RedriveExecution."""

EXECUTION_SECONDS = 365 * 24 * 3600
EXPRESS_SECONDS = 5 * 60
"""How long an execution may run. Developer guide, Standard and Express."""

INLINE_CONCURRENCY = 40
"""Iterations of an inline Map at one time, whatever MaxConcurrency says. Developer guide, Map in inline mode."""

WAIT_SECONDS = 2**31
"""A Wait that ends this far ahead or further fails (recorded: 24,856 days fail, 24,855 do not)."""

ERROR_CHARACTERS = 256
CAUSE_CHARACTERS = 32_768
"""API model: SensitiveError, SensitiveCause."""

VERSIONS = 1_000
"""Of one state machine. API model, PublishStateMachineVersion."""

ALIASES = 100
"""Of one state machine. API model, CreateStateMachineAlias."""

TAGS = 50
"""Of one resource. Developer guide, quotas on tagging."""

TOKEN_SECONDS = 24 * 3600
"""How long the token of a list's next page holds. API model."""

REDRIVE_TOKEN_SECONDS = 15 * 60
"""How long a RedriveExecution with the same client token is the same request. API model."""
