"""The API of AWS Step Functions, as functions of requests: what the server and the client for tests translate to.

A request is checked against the model before it comes here; what an operation may be asked and what it answers is
decided in `stepwell.engine.operations`. The modules here only carry members over: from a request to an operation, and
from what that gives to a response. Dates are milliseconds since the epoch.
"""
