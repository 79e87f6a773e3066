"""Strategies that make values from our JSON Schemas: whatever they draw is valid against its schema."""

from decimal import Decimal
from typing import Any

import wild
from hypothesis import strategies as st

Schema = dict[str, Any]

anything = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(wild.STORABLE_LETTERS, max_size=9)
_DECIMALS = 12
_LONGEST_TEXT = 4096  # that Hypothesis can draw


def values(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Draw values of a schema of `root`, a document with $defs."""
    if "$ref" in schema:
        return st.deferred(lambda: values(root["$defs"][schema["$ref"].rpartition("/")[2]], root))
    if "anyOf" in schema:
        return st.one_of([values(option, root) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        return anything
    if isinstance(schema["type"], list):
        return st.one_of([values({**schema, "type": type_}, root) for type_ in schema["type"]])
    return _OF_TYPE[schema["type"]](schema, root)


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    required = schema.get("required", [])
    drawn = {name: values(field, root) for name, field in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: drawn[name] for name in required},
        optional={name: field for name, field in drawn.items() if name not in required},
    )


def _arrays(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    longest = min(schema.get("maxItems", 3), schema.get("minItems", 0) + 3)
    items = values(schema.get("items", {}), root)
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=longest)


def _texts(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    shortest, longest = schema.get("minLength", 0), min(schema.get("maxLength", 300), _LONGEST_TEXT)
    if "pattern" in schema:
        texts = st.from_regex(schema["pattern"], fullmatch=True)
        return texts.filter(lambda text: shortest <= len(text) <= longest and wild.is_storable(text))
    sizes = st.sampled_from([shortest, longest])
    longer = sizes.flatmap(lambda size: st.text(wild.STORABLE_LETTERS, min_size=size, max_size=size))
    return longer | st.text(wild.STORABLE_LETTERS, min_size=shortest, max_size=min(longest, shortest + 9))


def _integers(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum"), schema.get("maximum"))


def _numbers(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1)
    return st.decimals(Decimal(least), Decimal(most), places=_DECIMALS) | st.integers(least, most)


def _booleans(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.booleans()


def _nulls(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.none()


_OF_TYPE = {
    "null": _nulls,
    "boolean": _booleans,
    "object": _objects,
    "array": _arrays,
    "string": _texts,
    "integer": _integers,
    "number": _numbers,
}
