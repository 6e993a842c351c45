"""Write and read scattered columns: a reset touches a few environments of many.

torch's indexing does the same, at ten microseconds of overhead for every call.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import cache

import torch

from robot_rl.kernels import native

_TEXT = """
define void @run(
  i64 %whole, i64 %rows, i64 %num_rows, i64 %ids, i64 %num, i64 %part, i64 %stride
) {
entry:
  %no_column = icmp eq i64 %num, 0
  %no_row = icmp eq i64 %num_rows, 0
  %none = or i1 %no_column, %no_row
  br i1 %none, label %exit, label %row
row:
  %r = phi i64 [0, %entry], [%r1, %after]
  %r8 = mul i64 %r, 8
  %ri = add i64 %rows, %r8
  %rp = inttoptr i64 %ri to PTR_i64
  %r_at = load i64, PTR_i64 %rp
  %line = mul i64 %r, %stride
  br label %column
column:
  %c = phi i64 [0, %row], [%c1, %column]
  %c8 = mul i64 %c, 8
  %ci = add i64 %ids, %c8
  %cp = inttoptr i64 %ci to PTR_i64
  %c_at = load i64, PTR_i64 %cp
  %at = add i64 %r_at, %c_at
  %at4 = mul i64 %at, 4
  %wi = add i64 %whole, %at4
  %wp = inttoptr i64 %wi to PTR_float
  %p_at = add i64 %line, %c
  %p4 = mul i64 %p_at, 4
  %pi = add i64 %part, %p4
  %pp = inttoptr i64 %pi to PTR_float
  %value = load float, PTR_float %FROM
  store float %value, PTR_float %TO
  %c1 = add i64 %c, 1
  %more = icmp ult i64 %c1, %num
  br i1 %more, label %column, label %after
after:
  %r1 = add i64 %r, 1
  %further = icmp ult i64 %r1, %num_rows
  br i1 %further, label %row, label %exit
exit:
  ret void
}
"""


@cache
def _compiled(name: str, source: str, target: str) -> Callable[..., None]:
    text = _TEXT.replace('FROM', source).replace('TO', target)
    for kind in ('i64', 'float'):
        text = text.replace(f'PTR_{kind}', native.pointer(kind))
    return native.function(name, text, native.signature(*[ctypes.c_uint64] * 7))


def _run(
    function: Callable[..., None],
    whole: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    part: torch.Tensor,
) -> None:
    columns = columns.to(torch.int64).contiguous()
    part_rows = part.stride(0) if len(part) > 1 else 0
    function(
        whole.data_ptr(), rows.data_ptr(), len(rows), columns.data_ptr(), len(columns),
        part.data_ptr(), part_rows,
    )  # fmt: skip


def scatter(
    whole: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor
) -> None:
    """Write `values` (r, c) to whole[rows[i] + columns[j]], in numbers from its first.

    float32 on the CPU, whose columns adjoin; offsets are int64. Nothing is checked here: callers
    answer for every place lying inside of `whole`, as engines/records.py does.
    """
    _run(_compiled('scatter', 'pp', 'wp'), whole, rows, columns, values)


def gather(whole: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Return whole[rows[i] + columns[j]] as (r, c); see `scatter`."""
    values = torch.empty(len(rows), len(columns))
    _run(_compiled('gather', 'wp', 'pp'), whole, rows, columns, values)
    return values
