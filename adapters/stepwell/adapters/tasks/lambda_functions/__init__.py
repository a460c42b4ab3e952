"""Lambda functions from their source: Python and Node.js, each in processes of its own that are kept warm."""

from stepwell.adapters.tasks.lambda_functions.calls import LambdaFunctions
from stepwell.adapters.tasks.lambda_functions.elsewhere import FunctionsElsewhere, functions_elsewhere
from stepwell.adapters.tasks.lambda_functions.settings import FunctionSettings, InvalidFunction
from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource, function_sources

__all__ = [
    "FunctionSettings",
    "FunctionSource",
    "FunctionsElsewhere",
    "InvalidFunction",
    "LambdaFunctions",
    "function_sources",
    "functions_elsewhere",
]
