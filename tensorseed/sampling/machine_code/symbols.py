"""Symbols that object files take from elsewhere, by the tables of ELF."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import llvmlite.binding as llvm

SYMBOL = struct.Struct("<IBBHQQ")  # name, type, visibility, section, value, size
BY_THE_LINKER = "_GLOBAL_OFFSET_TABLE_"


def undefined_symbols(objects: Iterable[bytes]) -> list[str]:
    """The symbols that none of the objects defines; none are known of other formats than 64-bit ELF."""
    defined, taken = {BY_THE_LINKER, ""}, set[str]()
    for each in objects:
        if each[:5] != b"\x7fELF\x02":
            continue
        sections = {
            section.name(): section.data() for section in llvm.ObjectFileRef.from_data(each).sections()
        }
        names = sections.get(b".strtab", b"")
        for name, _, _, section, *_ in SYMBOL.iter_unpack(sections.get(b".symtab", b"")):
            text = names[name : names.index(b"\0", name)].decode()
            (defined if section else taken).add(text)
    return sorted(taken - defined)
