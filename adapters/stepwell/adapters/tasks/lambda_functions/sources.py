"""Which Lambda functions there are, and where their source is: those of a template, and those of the configuration.

A function of a template can be run here where its runtime is Python or Node.js and its code stands in a folder beside
the template (where the AWS CDK has put it in `cdk.out`, too), or in the template itself. All others are left to whoever
performs tasks besides.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.adapters.definition_files import TemplateResource, resources_in
from stepwell.adapters.tasks.lambda_functions.settings import (
    LONGEST_SECONDS,
    FunctionSettings,
    InvalidFunction,
    is_runtime,
    is_variable,
)

DEFAULT_SECONDS = 3
DEFAULT_MEMORY_MB = 128

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")


class FunctionSource(Struct, frozen=True, kw_only=True):
    """A function, as much as must be known to run it."""

    name: str
    handler: str
    runtime: str
    folder: Path
    inline_code: str | None = None
    """The code itself, where it stands in the template: the module `index`."""
    other_name: str | None = None
    """The logical id of a function that has a name besides."""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = DEFAULT_SECONDS
    memory_mb: int = DEFAULT_MEMORY_MB
    layers: tuple[Path, ...] = ()
    python: str | None = None

    @property
    def is_python(self) -> bool:
        return self.runtime.startswith("python")


def function_sources(
    template: str | os.PathLike[str] | None = None, configured: Mapping[str, FunctionSettings] | None = None
) -> list[FunctionSource]:
    """The functions of a template (`PATH` or `PATH#LogicalId`) and of a configuration, which counts first.

    A file that is no template has none. Raises InvalidFunction for a configured one of which too little is said, and
    as `read_definition` for a template that cannot be read.
    """
    found = {source.name: source for source in (_functions_in(template) if template is not None else [])}
    for name, settings in (configured or {}).items():
        known = found.get(name) or next((each for each in found.values() if each.other_name == name), None)
        found[known.name if known else name] = _changed(known, settings) if known else _configured(name, settings)
    return list(found.values())


def _configured(name: str, settings: FunctionSettings) -> FunctionSource:
    for key in ("handler", "runtime"):
        if getattr(settings, key) is None:
            raise InvalidFunction(f"{name}: has no {key!r}, and there is no template that says more of it")
    assert settings.handler is not None and settings.runtime is not None
    bare = FunctionSource(name=name, handler=settings.handler, runtime=settings.runtime, folder=settings.beside)
    return _changed(bare, settings)


def _changed(source: FunctionSource, settings: FunctionSettings) -> FunctionSource:
    """The function with what is said of it besides."""
    said = {key: getattr(settings, key) for key in settings.__struct_fields__ if key != "beside"}
    given = {key: value for key, value in said.items() if value is not None}
    if "folder" in given:
        given["inline_code"] = None
    return replace(source, **{**given, "environment": {**source.environment, **settings.environment}})


# --- templates --------------------------------------------------------------------------------------------------------


def _functions_in(template: str | os.PathLike[str]) -> Iterable[FunctionSource]:
    resources = resources_in(template, *FUNCTIONS, *LAYERS)
    path = Path(template)
    folder = (path if path.exists() else Path(os.fspath(template).rpartition("#")[0])).parent
    layers = {each.logical_id: _layer(each, folder) for each in resources if each.type in LAYERS}
    for resource in resources:
        if resource.type in FUNCTIONS and (source := _function(resource, folder, layers)) is not None:
            yield source


def _asset(resource: TemplateResource, folder: Path) -> Path | None:
    """Where the AWS CDK has put what it will upload to S3: it says so in the resource's metadata."""
    path = resource.metadata.get("aws:asset:path")
    return folder / path if isinstance(path, str) and not path.endswith((".zip", ".jar")) else None


def _layer(resource: TemplateResource, folder: Path) -> Path | None:
    if (asset := _asset(resource, folder)) is not None:
        return asset
    content = resource.properties.get("ContentUri", resource.properties.get("Content"))
    return folder / content if isinstance(content, str) and not content.startswith("s3:") else None


def _function(resource: TemplateResource, folder: Path, layers: Mapping[str, Path | None]) -> FunctionSource | None:
    """The function, None where it cannot be run from here."""
    properties = resource.properties
    match properties:
        case {"Handler": str(handler), "Runtime": str(runtime)} if is_runtime(runtime):
            pass
        case _:
            return None
    code_folder, inline = code_of(resource, folder)
    if code_folder is None:
        return None
    named = properties.get("FunctionName")
    name = named if isinstance(named, str) and named else resource.logical_id
    given = properties.get("Layers")
    return FunctionSource(
        name=name,
        other_name=resource.logical_id if name != resource.logical_id else None,
        handler=handler,
        runtime=runtime,
        folder=code_folder,
        inline_code=inline,
        environment=_variables(properties.get("Environment")),
        timeout_seconds=min(_number(properties.get("Timeout"), DEFAULT_SECONDS), LONGEST_SECONDS),
        memory_mb=_number(properties.get("MemorySize"), DEFAULT_MEMORY_MB),
        # A layer that the template only names by an ARN lies in the cloud: what it has must be installed here.
        layers=tuple(it for name in _list(given) if isinstance(name, str) and (it := layers.get(name)) is not None),
    )


def code_of(resource: TemplateResource, folder: Path) -> tuple[Path | None, str | None]:
    """The folder of the code, None where it lies elsewhere, and the code itself where the template has it."""
    if (asset := _asset(resource, folder)) is not None:
        return asset, None
    properties = resource.properties
    is_serverless = resource.type.startswith("AWS::Serverless::")
    match properties.get("CodeUri") if is_serverless else properties.get("Code"):
        case str(uri) if not uri.startswith("s3:") and not uri.endswith(".zip"):
            return folder / uri, None
        case {"ZipFile": str(code)}:
            return folder, code
        case None if is_serverless:
            inline = properties.get("InlineCode")
            return folder, inline if isinstance(inline, str) else None
    return None, None


def _variables(environment: Any) -> dict[str, str]:
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    if not isinstance(variables, dict):
        return {}
    texts = {name: _as_text(value) for name, value in variables.items() if not isinstance(value, dict | list)}
    return {name: text for name, text in texts.items() if is_variable(name, text)}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any, default: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):  # a parameter without a value
        return default
    return number if number > 0 else default


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
