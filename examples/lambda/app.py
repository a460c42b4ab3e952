"""The Lambda function. Its mode is that of its environment: STEPWELL_LAMBDA_MODE."""

import functions

from stepwell.adapters.lambda_ import handler

lambda_handler = handler("order.asl.json", functions=functions)
