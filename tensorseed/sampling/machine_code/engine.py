"""Linker of object files in this process: LLVM, and C modules of numba."""

from __future__ import annotations

from functools import cache as once
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from tensorseed.sampling.machine_code.file import MachineCode

RUNTIME = "core/runtime", "_nrt_python"  # counts references to the arrays that a kernel makes
HELPERS = (("", "_helperlib"), ("", "_dynfunc"))  # of what surrounds a kernel when numba calls it

_kept: list[Any] = []


def link(code: MachineCode) -> dict[str, int]:
    """Link the objects, for as long as the process lives, and return the addresses of their entry points.

    Raises:
        ImportError: numba has no such C modules, or a symbol is missing.
    """
    _add_symbols()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)  # which finds the process's symbols
    for name in code.undefined:  # of which LLVM would end the process
        if llvm.address_of_symbol(name) is None:
            raise ImportError(f"this process has no symbol {name}")
    for each in code.objects:
        engine.add_object_file(llvm.ObjectFileRef.from_data(each))
    engine.finalize_object()
    _kept.append(engine)
    return {each.symbol: engine.get_function_address(each.symbol) for each in code.entry_points}


@once
def _add_symbols() -> None:
    """Define what the objects take from numba, under the names that it gives them."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    runtime = _c_module(*RUNTIME)
    runtime.memsys_use_cpython_allocator()  # as numba does
    for name, address in runtime.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
    for module in HELPERS:
        for name, address in _c_module(*module).c_helpers.items():
            llvm.add_symbol(f"numba_{name}", address)


def _c_module(folder: str, name: str) -> Any:
    """A C module of numba, which imports nothing of it.

    Raises:
        ImportError: there is none.
    """
    package = find_spec("numba")
    if package is None or package.origin is None:
        raise ImportError("numba is not installed")
    spec = PathFinder.find_spec(name, [str(Path(package.origin).parent / folder)])
    if spec is None or spec.loader is None:
        raise ImportError(f"numba has no module {name}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
