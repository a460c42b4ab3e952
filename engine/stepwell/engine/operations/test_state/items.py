"""What the iterations of a Map under test get: items read from what the request says is in their source, and batches.

JSON, JSON lines and CSV are read as they are in a file; of all other sources (lists of objects, Parquet, manifests) the
items are given as JSON. Texts for what cannot be read are inferred, but for the two that are recorded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from stepwell.definitions import jsonata, model
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import Failed
from stepwell.definitions.java_order import hash_map_order
from stepwell.definitions.json_text import InvalidJson, dumps, loads, size
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.templates import compile_template
from stepwell.engine import quotas
from stepwell.engine.flows import FLOWS
from stepwell.engine.flows.values import constant

READER_FAILED: Final = "States.ItemReaderFailed"
NOT_ITERABLE: Final = "Attempting to map over non-iterable node."

DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}

NO_CONFIGURATION: Final = model.ReaderConfig()


# --- reading ----------------------------------------------------------------------------------------------------------


def read_items(
    reader: model.ItemReader, language: QueryLanguage, text: str, document: Json, environment: Environment
) -> Json:
    """The items in what a reader reads: an array, or an object that is gone over by its members. Raises `Failed`."""
    configuration = reader.reader_config or NO_CONFIGURATION
    items = READERS.get(configuration.input_type or "JSON", _read_json)(text, configuration)
    if type(items) not in (list, dict):
        raise Failed(READER_FAILED, NOT_ITERABLE, prefixed=False)
    limit = FLOWS[language](configuration).scalar("MaxItems")  # type: ignore[arg-type]
    most = limit(document, environment) if limit else 0
    if not most:  # 0 is no limit (recorded)
        return items
    return items[:most] if type(items) is list else dict(list(items.items())[:most])


def _read_json(text: str, configuration: model.ReaderConfig) -> Json:
    value = _loads(text)
    for step in (configuration.items_pointer or "").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if type(value) is dict and key in value:
            value = value[key]
        elif type(value) is list and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            cause = f"The ItemsPointer '{configuration.items_pointer}' leads to nothing: there is no '{key}'."
            raise Failed(READER_FAILED, cause, prefixed=False)
    return value


def _read_lines(text: str, _configuration: model.ReaderConfig) -> Json:
    return [_loads(line) for line in text.splitlines() if line.strip()]


def _loads(text: str) -> Json:
    try:
        return loads(text)
    except InvalidJson as fault:
        raise Failed(READER_FAILED, f"The data of the ItemReader is no JSON: {fault.message}", prefixed=False) from None


def _read_csv(text: str, configuration: model.ReaderConfig) -> Json:
    """Rows as objects of texts: what a row lacks is empty, what it has beyond the headers is dropped."""
    rows = list(_rows(text, DELIMITERS[configuration.csv_delimiter or "COMMA"]))
    headers: Sequence[str] = configuration.csv_headers or ()
    if configuration.csv_header_location != "GIVEN":
        headers, rows = (rows[0], rows[1:]) if rows else ((), [])
    if len(set(headers)) < len(headers):
        raise Failed(READER_FAILED, "CSV headers cannot contain duplicates.", prefixed=False)
    order = hash_map_order(headers)
    items = []
    for row in rows:
        cells = dict(zip(headers, [*row, *[""] * (len(headers) - len(row))], strict=False))
        items.append({header: cells[header] for header in order})
    return items


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Cells, quoted or not. A backslash keeps itself, a quote or the delimiter, and is dropped before all else."""
    row: list[str] = []
    cell: list[str] = []
    is_quoted = False
    characters = iter(text.replace("\r\n", "\n"))
    following = next(characters, "")
    while following:
        character, following = following, next(characters, "")
        if character == "\\":
            if following in ("\\", '"', delimiter):
                cell.append(following)
                following = next(characters, "")
        elif character == '"' and is_quoted and following == '"':
            cell.append('"')
            following = next(characters, "")
        elif character == '"':
            is_quoted = not is_quoted
        elif character == delimiter and not is_quoted:
            row.append("".join(cell))
            cell = []
        elif character == "\n" and not is_quoted:
            if row or cell:  # else an empty line
                yield [*row, "".join(cell)]
            row, cell = [], []
        else:
            cell.append(character)
    if row or cell:
        yield [*row, "".join(cell)]


READERS: Final[Mapping[str, Callable[[str, model.ReaderConfig], Json]]] = {
    "JSON": _read_json,
    "JSONL": _read_lines,
    "CSV": _read_csv,
}
"""By InputType; what is not listed is given as JSON."""


# --- iterations -------------------------------------------------------------------------------------------------------


def places_of(items: Json) -> list[dict[str, Json]]:
    """What `Map.Item` is for each item."""
    if type(items) is dict:
        return [{"Index": index, "Key": key, "Value": value} for index, (key, value) in enumerate(items.items())]
    return [{"Index": index, "Value": value} for index, value in enumerate(items)]


def batches_of(
    batcher: model.ItemBatcher,
    language: QueryLanguage,
    inputs: Sequence[Json],
    document: Json,
    environment: Environment,
) -> list[Json]:
    """The inputs of child executions that each get several items. Raises `Failed`."""
    flow = FLOWS[language](batcher)  # type: ignore[arg-type]
    most_items, most_bytes = flow.scalar("MaxItemsPerBatch"), flow.scalar("MaxInputBytesPerBatch")
    longest = (most_items(document, environment) if most_items else 0) or len(inputs)
    largest = (most_bytes(document, environment) if most_bytes else 0) or quotas.PAYLOAD_BYTES
    around = {}
    if batcher.gives("batch_input"):
        around = {"BatchInput": _fill_in(batcher.batch_input, language)(document, environment)}
    empty = size(dumps({**around, "Items": []}))
    batches: list[list[Json]] = []
    room = 0
    for value in inputs:
        needed = size(dumps(value)) + 1  # with its comma
        if not batches or len(batches[-1]) >= longest or needed > room:
            batches.append([])
            room = min(largest, quotas.PAYLOAD_BYTES) - empty + 1  # the first has no comma
        batches[-1].append(value)
        room -= needed
    return [{**around, "Items": batch} for batch in batches]


def _fill_in(template: Json, language: QueryLanguage) -> Expression:
    if language is QueryLanguage.JSONATA:
        return jsonata.compile_value(template, "ItemBatcher/BatchInput")
    return compile_template(template) or constant(template)
