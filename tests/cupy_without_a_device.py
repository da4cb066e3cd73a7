"""What can be had of CuPy on a machine without a GPU: arrays on host memory, and the kernels that `fuse` writes.

CuPy traces a formula and writes the kernel's source without a device. The source of an elementwise
kernel is plain C, so a C++ compiler can make a function of it that runs here; and NVRTC makes
machine code of it for any GPU.
"""

from __future__ import annotations

import ctypes
import importlib
import subprocess
from pathlib import Path

# What the sources expect of CUDA. bfloat16 as in its hardware: rounded to nearest, ties to even.
PRELUDE = """
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
using namespace std;
#define __device__
static inline float __int_as_float(int i) { float f; memcpy(&f, &i, 4); return f; }
struct bfloat16 {
  uint16_t bits;
  bfloat16() {}
  bfloat16(float f) {
    uint32_t u; memcpy(&u, &f, 4);
    bits = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  }
  operator float() const { uint32_t u = uint32_t(bits) << 16; float f; memcpy(&f, &u, 4); return f; }
};
"""


def array(cupy, host):
    """A CuPy array on the memory of a NumPy array, as far as tracing looks at it."""
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(host.shape, host.dtype, memptr=pointer)


def kernel(cupy, function, hosts):
    """The kernel that cupy.fuse writes for a function of arrays like these; never its newer, other way."""
    fusion = importlib.import_module("cupy._core.fusion")
    local = fusion._fusion_thread_local.thread_local
    history = fusion._FusionHistory()
    local.history, local.is_old_fusing = history, True
    try:
        traced, _ = history.get_fusion(function, [array(cupy, host) for host in hosts], "traced")
    finally:
        local.history, local.is_old_fusing = None, False
    return traced


def source(traced, name):
    """One function of C++ that runs a kernel over arrays of n elements."""
    preamble = traced.preamble.replace('#include "cupy/float16.cuh"', "")
    pointers = ", ".join(f"{each.ctype} *p_{each.name}" for each in traced.in_params)
    names = "\n".join(f"{each.ctype} &{each.name} = p_{each.name}[i];" for each in traced.in_params)
    return f"""namespace in_{name} {{ {preamble}
        extern "C" void {name}(long n, {pointers}) {{
            for (long i = 0; i < n; i++) {{ {names}
                {traced.operation};
            }}
        }}
    }}
    """


def cuda_source(traced, name):
    """The kernel itself, in CUDA, with the names that CuPy gives to its parameters."""
    preamble = traced.preamble.replace('#include "cupy/float16.cuh"', "")
    parameters = ", ".join(
        f"CArray<{each.ctype}, 2, 1, 1> raw_{each.name}" for each in traced.in_params
    )
    names = "\n".join(
        f"{'const ' if each.is_const else ''}{each.ctype} &{each.name}(raw_{each.name}[_ind.get()]);"
        for each in traced.in_params
    )
    return f"""namespace in_{name} {{ {preamble}
        extern "C" __global__ void {name}({parameters}, CIndexer<2> _ind) {{
            CUPY_FOR(i, _ind.size()) {{
                _ind.set(i); {names}
                {traced.operation};
            }}
        }}
    }}
    """


def machine_code(cupy, sources, architecture):
    """What NVRTC makes of kernels, for a GPU that need not be there."""
    nvrtc = importlib.import_module("cupy_backends.cuda.libs.nvrtc")
    ours = Path(cupy.__file__).parent / "_core" / "include"
    theirs = [
        Path(importlib.import_module(f"nvidia.{name}").__path__[0]) / "include"
        for name in ("cuda_runtime", "cuda_cccl")
    ]
    folders = [ours, ours / "cupy" / "_cccl" / "libcudacxx", *theirs]
    headers = ("float16", "bfloat16", "carray")
    text = "\n".join([*(f'#include "cupy/{name}.cuh"' for name in headers), *sources])
    program = nvrtc.createProgram(text, "kernels.cu", [], [])
    options = ("-std=c++17", f"-arch={architecture}", *(f"-I{folder}" for folder in folders))
    try:
        nvrtc.compileProgram(program, options)
    except Exception as error:
        raise AssertionError(nvrtc.getProgramLog(program)) from error
    return nvrtc.getCUBIN(program)


def compiled(sources, folder):
    """The functions, by name, each of NumPy arrays of one length."""
    (folder / "kernels.cpp").write_text(PRELUDE + "\n".join(sources.values()))
    library = folder / "kernels.so"
    command = ["g++", "-O1", "-w", "-shared", "-fPIC", folder / "kernels.cpp", "-o", library]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))

    def function(name):
        def run(*arrays):
            assert len({each.size for each in arrays}) == 1
            addresses = [ctypes.c_void_p(each.ctypes.data) for each in arrays]
            getattr(loaded, name)(ctypes.c_long(arrays[0].size), *addresses)

        return run

    return {name: function(name) for name in sources}
