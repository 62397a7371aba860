"""Many arrays as one pointer: what compiled functions that call each other are passed.

An array is seven machine words to numba, and each call copies all of them; a function that takes a
dozen arrays spends its time with that. Here a class names its arrays, and compiled functions take
an object of it as one pointer to a block of addresses. In them `object.name[i]`, `[i, j]` and
`[i, j, k]` are numbers or records and `len(object.name)` is the first dimension. Indices are whole
and not negative, and nothing checks that they are in bounds.

Numba keeps what it compiled until the file of the function changes, though it contains what the
function calls, and here the offsets of all fields. So the type of the pointer is named after all
the source that can matter: with a change of it nothing old is found.
"""

import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import NativeValue, register_model, typeof_impl, unbox
from numba.np import numpy_support
from numpy.typing import NDArray

WORDS = 4
"""Of an array in the block: address, strides of the first two dimensions [bytes], length."""


def addresses(arrays: Mapping[str, NDArray[Any]], tables: Mapping[str, Any]) -> NDArray[np.int64]:
    """The block of addresses of arrays of the dtypes and dimensions that `tables` names."""
    block = np.zeros((len(tables), WORDS), np.int64)
    for row, (name, (dtype, dimensions)) in zip(block, tables.items(), strict=True):
        array = arrays[name]
        if array.dtype != dtype or array.ndim != dimensions or not array.flags.c_contiguous:
            raise ValueError(f"{name}: {array.dtype} [{array.ndim} dimensions], not as declared")
        row[0], row[-1] = array.ctypes.data, len(array)
        row[1:dimensions] = array.strides[:-1]
    return block


class _Table(types.Type):
    """One array."""

    def __init__(self, owner: str, name: str, dtype: Any, dimensions: int) -> None:
        self.item = numpy_support.from_dtype(np.dtype(dtype))
        self.dimensions = dimensions
        super().__init__(name=f"{owner}.{name}")


class _Tables(types.Type):
    """All arrays of an object."""

    def __init__(self, name: str, tables: Mapping[str, Any]) -> None:
        self.tables = {
            each: (place, _Table(name, each, *about))
            for place, (each, about) in enumerate(tables.items())
        }
        super().__init__(name=name)


register_model(_Table)(models.OpaqueModel)
register_model(_Tables)(models.OpaqueModel)


def register(owner: type, tables: Mapping[str, Any], sources: Path) -> None:
    """Objects of `owner` are such pointers in compiled functions; their attribute `pointer` is the
    address of what `addresses` gave.

    `tables` is array -> (dtype, dimensions). `sources` is the folder of all functions that take
    such objects and of all that these call.
    """
    version = 0
    for path in (Path(__file__), *sorted(sources.glob("*.py"))):
        version = crc32(path.read_bytes(), version)
    made = _Tables(f"{owner.__name__}-{version:08x}", tables)
    typeof_impl.register(owner)(lambda _value, _context: made)


@unbox(_Tables)
def _unbox(_type: Any, value: Any, context: Any) -> Any:
    api, builder = context.pyapi, context.builder
    address = api.object_getattr_string(value, "pointer")
    number = api.long_as_ulonglong(address)
    api.decref(address)
    pointer = builder.inttoptr(number, cgutils.voidptr_t)
    return NativeValue(pointer, is_error=api.c_api_error())


@infer_getattr
class _TablesAttributes(AttributeTemplate):
    key = _Tables

    def generic_resolve(self, value: Any, attribute: str) -> Any:  # type: ignore[override]
        found = value.tables.get(attribute)
        return None if found is None else found[1]


@lower_getattr_generic(_Tables)
def _attribute(_context: Any, builder: Any, owner: Any, value: Any, name: str) -> Any:
    place, _ = owner.tables[name]
    return builder.gep(value, [cgutils.intp_t(place * WORDS * 8)])


@infer_global(operator.getitem)
class _Item(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        table, index = arguments
        return signature(table.item, table, index) if isinstance(table, _Table) else None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        table, index, _ = arguments
        if isinstance(table, _Table):
            return signature(types.none, table, index, table.item)
        return None


@infer_global(len)
class _Length(AbstractTemplate):
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        (table,) = arguments
        return signature(types.intp, table) if isinstance(table, _Table) else None


def _word(builder: Any, table: Any, place: int) -> Any:
    """One word of an array's row in the block."""
    words = builder.bitcast(table, cgutils.intp_t.as_pointer())
    return builder.load(builder.gep(words, [cgutils.intp_t(place)]))


def _address(context: Any, builder: Any, signed: Any, arguments: Any) -> Any:
    """Of the item at an index."""
    (table_type, index_type), (table, index) = signed.args[:2], arguments[:2]
    places, kinds = [index], [index_type]
    if isinstance(index_type, types.BaseTuple):
        kinds = list(signed.args[1].types)
        places = [builder.extract_value(index, each) for each in range(len(kinds))]
    if len(places) != table_type.dimensions:
        raise TypeError(f"{table_type}: {len(places)} indices of {table_type.dimensions}")
    item_type = context.get_data_type(table_type.item)
    offset = _word(builder, table, 0)
    size = context.get_abi_sizeof(item_type)
    for at, (place, kind) in enumerate(zip(places, kinds, strict=True)):
        number = context.cast(builder, place, kind, types.intp)
        last = at == len(places) - 1
        stride = cgutils.intp_t(size) if last else _word(builder, table, 1 + at)
        offset = builder.add(offset, builder.mul(number, stride))
    return builder.inttoptr(offset, item_type.as_pointer())


@lower_builtin(operator.getitem, _Table, types.Integer)
@lower_builtin(operator.getitem, _Table, types.BaseTuple)
def _get(context: Any, builder: Any, signed: Any, arguments: Any) -> Any:
    pointer = _address(context, builder, signed, arguments)
    item = signed.args[0].item
    return context.unpack_value(builder, item, pointer)


@lower_builtin(operator.setitem, _Table, types.Integer, types.Any)
@lower_builtin(operator.setitem, _Table, types.BaseTuple, types.Any)
def _set(context: Any, builder: Any, signed: Any, arguments: Any) -> Any:
    pointer = _address(context, builder, signed, arguments)
    context.pack_value(builder, signed.args[0].item, arguments[2], pointer)
    return context.get_dummy_value()


@lower_builtin(len, _Table)
def _length(_context: Any, builder: Any, _signed: Any, arguments: Any) -> Any:
    return _word(builder, arguments[0], WORDS - 1)
