"""The order in which Java gives back the keys of a HashMap.

AWS keeps some objects in a `java.util.HashMap` and writes them into texts, so that the order of its buckets shows: in
the evaluated members of a payload template (recorded in some fifty templates) and in the result of States.JsonMerge.

A key's bucket is its `String.hashCode`, the upper half folded onto the lower, modulo the table's size: a power of two
that starts at 16 and doubles whenever more than three quarters of it are filled. Buckets come in the order of the
table, the keys of one bucket in the order of insertion (growing the table does not change that).

Left out: a bucket of more than eight keys, which Java turns into a tree. No honest object has one.
"""

import struct
from collections.abc import Iterable

_SMALLEST_TABLE = 16


def hash_map_order(keys: Iterable[str]) -> list[str]:
    """The keys, each once, as a HashMap that got them in the given order would give them back."""
    inserted = list(dict.fromkeys(keys))
    table_size = _SMALLEST_TABLE
    while len(inserted) * 4 > table_size * 3:
        table_size *= 2
    last_bucket = table_size - 1

    def bucket(key: str) -> int:
        code = _string_hash(key)
        return (code ^ code >> 16) & last_bucket

    return sorted(inserted, key=bucket)


def _string_hash(text: str) -> int:
    """`String.hashCode` as an unsigned number of 32 bits: Java's strings are UTF-16."""
    units: Iterable[int]
    if text.isascii():
        units = text.encode()
    else:
        data = text.encode("utf-16-le", "surrogatepass")
        units = struct.unpack(f"<{len(data) // 2}H", data)
    code = 0
    for unit in units:
        code = (31 * code + unit) & 0xFFFFFFFF
    return code
