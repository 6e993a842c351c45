"""Kernels from scalar expressions: one straight line of arithmetic, run for every environment.

`Scalars` writes expressions down as lines of single assignments, folding constants and sharing
what is computed twice. `compiled` makes of them one loop over the columns of (rows, num) arrays:
every line is an operation on a vector of LANES neighbouring environments, and every number is read
and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import ctypes
import math
import operator
import struct

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.kernels import native

LANES = 16
"""Arrays must be readable and writable up to a multiple of this many columns."""
AHEAD = 1
"""Blocks of LANES by which memory is fetched before it is needed: of two hundred rows read
and written at once, a processor's own prefetching follows only a few."""

Scalar = float | bool | str
"""A constant, or the name of a line."""

_KINDS = {'f': f'<{LANES} x float>', 'b': f'<{LANES} x i1>', 'i': f'<{LANES} x i32>'}
_FLAGS = 'nsz arcp contract'  # nothing is reordered, and a NaN stays one

# Name: (instruction, kinds of the arguments, kind of the result, meaning for constants).
# F, I and B stand for the types of vectors of floats, integers and truths.
OPERATIONS: dict[str, tuple[str, str, str, Callable]] = {
    'add': (f'fadd {_FLAGS} F {{}}, {{}}', 'ff', 'f', operator.add),
    'sub': (f'fsub {_FLAGS} F {{}}, {{}}', 'ff', 'f', operator.sub),
    'mul': (f'fmul {_FLAGS} F {{}}, {{}}', 'ff', 'f', operator.mul),
    'div': (f'fdiv {_FLAGS} F {{}}, {{}}', 'ff', 'f', operator.truediv),
    'neg': ('fneg F {}', 'f', 'f', operator.neg),
    'abs': ('call F @llvm.fabs.V(F {})', 'f', 'f', np.abs),
    'sqrt': ('call F @llvm.sqrt.V(F {})', 'f', 'f', np.sqrt),
    'floor': ('call F @llvm.floor.V(F {})', 'f', 'f', np.floor),
    'exp': ('call F @llvm.exp.V(F {})', 'f', 'f', np.exp),
    'log': ('call F @llvm.log.V(F {})', 'f', 'f', np.log),
    'lt': ('fcmp olt F {}, {}', 'ff', 'b', operator.lt),
    'le': ('fcmp ole F {}, {}', 'ff', 'b', operator.le),
    'gt': ('fcmp ogt F {}, {}', 'ff', 'b', operator.gt),
    'ge': ('fcmp oge F {}, {}', 'ff', 'b', operator.ge),
    'eq': ('fcmp oeq F {}, {}', 'ff', 'b', operator.eq),
    'ne': ('fcmp une F {}, {}', 'ff', 'b', operator.ne),
    'and': ('and B {}, {}', 'bb', 'b', operator.and_),
    'or': ('or B {}, {}', 'bb', 'b', operator.or_),
    'xor': ('xor B {}, {}', 'bb', 'b', operator.xor),
    'where': ('select B {}, F {}, F {}', 'bff', 'f', lambda c, a, b: a if c else b),
    'iadd': ('add I {}, {}', 'ii', 'i', operator.add),
    'imul': ('mul I {}, {}', 'ii', 'i', operator.mul),
    'ixor': ('xor I {}, {}', 'ii', 'i', operator.xor),
    'iand': ('and I {}, {}', 'ii', 'i', operator.and_),
    'right': ('lshr I {}, {}', 'ii', 'i', operator.rshift),
    'signed_right': ('ashr I {}, {}', 'ii', 'i', operator.rshift),
    'odd': ('icmp ne I {}, {}', 'ii', 'b', operator.ne),
    'to_int': ('fptosi F {} to I', 'f', 'i', int),
    'to_float': ('sitofp I {} to F', 'i', 'f', float),
    'bits': ('bitcast F {} to I', 'f', 'i', int),
    'from_bits': ('bitcast I {} to F', 'i', 'f', float),
}
_COMMUTES = {'add', 'mul', 'eq', 'ne', 'and', 'or', 'xor', 'iadd', 'imul', 'ixor', 'iand'}


class Scalars:
    """Lines of scalar arithmetic."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[tuple, str] = {}
        self._lines: dict[str, tuple[str, str, list[str]]] = {}
        self._draws = 0

    def _line(self, key: tuple, text: str, kind: str, uses: Sequence[str] = ()) -> str:
        if key not in self._known:
            name = self._known[key] = f'%v{len(self._known)}'
            self._lines[name] = (text, kind, list(uses))
        return self._known[key]

    def load(self, array: int, row: int) -> str:
        """Return the input in `row` of input array `array`."""
        return self._line(('load', array, row), f'load F, P %a{array}_{row}', 'f')

    def kind(self, value: Scalar | int) -> str:
        """'f' for a number, 'b' for a truth, 'i' for an integer."""
        return self._lines[value][1] if isinstance(value, str) else 'fb'[isinstance(value, bool)]

    def apply(self, operation: str, *values: Scalar) -> Scalar:
        """Return an operation of OPERATIONS, or one of the methods below, on `values`."""
        compound = getattr(self, f'_{operation}', None)
        if compound is not None:
            return compound(*values)
        text, kinds, result, meaning = OPERATIONS[operation]
        values = tuple(self._as(kind, value) for kind, value in zip(kinds, values, strict=True))
        if 'i' not in kinds + result and not any(isinstance(value, str) for value in values):
            with np.errstate(all='ignore'):
                known = meaning(*(v if isinstance(v, bool) else np.float32(v) for v in values))
            return bool(known) if result == 'b' else float(np.float32(known))
        short = _simple(operation, values)
        if short is not None:
            return short
        if operation in _COMMUTES:
            values = tuple(sorted(values, key=str))
        names = [value for value in values if isinstance(value, str)]
        written = [_written(v, kind) for v, kind in zip(values, kinds, strict=True)]
        return self._line((operation, *values), text.format(*written), result, names)

    def _as(self, kind: str, value: Scalar) -> Scalar:
        """Truths count as 1 and 0, numbers as true unless 0."""
        own = self.kind(value)
        if kind == 'i' or own == kind:
            return value
        if not isinstance(value, str):
            return float(value) if kind == 'f' else bool(value)
        return (
            self.apply('where', value, 1.0, 0.0) if kind == 'f' else self.apply('ne', value, 0.0)
        )

    # Operations made of others.

    def _not(self, a: Scalar) -> Scalar:
        return self.apply('xor', a, True)

    def _min(self, a: Scalar, b: Scalar) -> Scalar:
        a, b = (b, a) if isinstance(b, float) else (a, b)  # a constant last: a NaN stays one
        return self.apply('where', self.apply('lt', a, b), a, b)

    def _max(self, a: Scalar, b: Scalar) -> Scalar:
        a, b = (b, a) if isinstance(b, float) else (a, b)
        return self.apply('where', self.apply('gt', a, b), a, b)

    def _tanh(self, a: Scalar) -> Scalar:
        grown = self.apply('add', self.apply('exp', self.apply('mul', 2.0, a)), 1.0)
        return self.apply('sub', 1.0, self.apply('div', 2.0, grown))

    def _sin(self, a: Scalar) -> Scalar:
        return math.sin(a) if isinstance(a, float) else self._circle(a, 0)

    def _cos(self, a: Scalar) -> Scalar:
        return math.cos(a) if isinstance(a, float) else self._circle(a, 1)

    def _circle(self, a: Scalar, quarter: int) -> Scalar:
        """Sine of `a` advanced by some quarter turns, within 1e-7 while |a| < 1e4.

        Reduced to an eighth of a turn in three steps (Cody and Waite 1980), then a polynomial.
        """
        do = self.apply
        count = do('floor', do('add', do('mul', a, 2.0 / math.pi), 0.5))
        rest = a
        for part in (1.5703125, 4.837512969970703e-4, 7.549789948768648e-8):
            rest = do('sub', rest, do('mul', count, part))
        square = do('mul', rest, rest)
        sine = self._polynomial(square, (1.0, -1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4))
        cosine = self._polynomial(
            square,
            (1.0, -0.5, 4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5),
        )
        turns = do('iadd', do('to_int', count), quarter)
        value = do('where', do('odd', do('iand', turns, 1), 0), cosine, do('mul', rest, sine))
        return do('where', do('odd', do('iand', turns, 2), 0), do('neg', value), value)

    def _polynomial(self, a: Scalar, coefficients: Sequence[float]) -> Scalar:
        """Constant term first."""
        value: Scalar = coefficients[-1]
        for coefficient in coefficients[-2::-1]:
            value = self.apply('add', self.apply('mul', value, a), coefficient)
        return value

    # Random numbers, by a counter-based generator: a hash of key, environment and count of draws,
    # so that there is no state to carry and every environment has numbers of its own.

    def _mixed(self, bits: Scalar) -> Scalar:
        """Stir 32 bits: a finalizer with constants found by C. Wellons' search ('lowbias32')."""
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            bits = self.apply(
                'imul', self.apply('ixor', bits, self.apply('right', bits, shift)), factor
            )
        return self.apply('ixor', bits, self.apply('right', bits, 16))

    def _random(self) -> Scalar:
        """24 random bits as an integer."""
        self._draws += 1
        environment = self._line(('index',), 'add I %index, zeroinitializer', 'i')
        key = self._line(('key',), 'add I %key, zeroinitializer', 'i')
        other = self._line(('other',), 'add I %other, zeroinitializer', 'i')
        stirred = self._mixed(self.apply('ixor', environment, key))
        count = self.apply('iadd', other, (self._draws * 0x9E3779B9) % 2**32)
        return self.apply('right', self._mixed(self.apply('iadd', stirred, count)), 8)

    def uniform(self) -> Scalar:
        """Draw one more number, uniform in [0, 1)."""
        return self.apply('mul', self.apply('to_float', self._random()), 2.0**-24)

    def normals(self, num: int) -> list[Scalar]:
        """Draw `num` more standard normal numbers, in pairs by Box and Muller (1958)."""
        numbers: list[Scalar] = []
        while len(numbers) < num:
            radius = self.apply('sqrt', self.apply('mul', 2.0, self._minus_log(self._random())))
            angle = self.apply('mul', self.uniform(), 2.0 * math.pi)
            numbers += [self.apply('mul', radius, self._circle(angle, i)) for i in (0, 1)]
        return numbers[:num]

    def _minus_log(self, bits: Scalar) -> Scalar:
        """-ln((bits + 1/2) / 2^24), at most 17.3.

        The exponent is taken off so that the rest lies within sqrt(1/2) and sqrt(2), and
        ln(1 + m) = 2 artanh(m / (2 + m)) is a short series there.
        """
        do = self.apply
        shifted = do('iadd', do('bits', do('add', do('to_float', bits), 0.5)), -0x3F3504F3)
        exponent = do('to_float', do('signed_right', shifted, 23))
        mantissa = do('iadd', do('iand', shifted, 0x007FFFFF), 0x3F3504F3)
        m = do('sub', do('from_bits', mantissa), 1.0)
        s = do('div', m, do('add', m, 2.0))
        series = self._polynomial(
            do('mul', s, s), (2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0)
        )
        log = do('add', do('mul', exponent, math.log(2.0)), do('mul', s, series))
        return self._max(do('sub', 24.0 * math.log(2.0), log), 0.0)

    def body(self, outputs: Sequence[Scalar]) -> list[str]:
        """Lines in the order in which `outputs` need them, each output stored when it is there."""
        lines: list[str] = []
        done: set[str] = set()
        for row, value in enumerate(outputs):
            value = self._as('f', value)
            stack = [value] if isinstance(value, str) else []
            while stack:
                text, _, uses = self._lines[stack[-1]]
                missing = [name for name in uses if name not in done]
                stack += missing
                if not missing:
                    name = stack.pop()
                    if name not in done:
                        done.add(name)
                        aligned = ', align 4' if text.startswith('load') else ''
                        lines.append(f'{name} = {text}{aligned}')
            lines.append(f'store F {_written(value, "f")}, P %a_{row}, align 4')
        return lines


def _written(value: Scalar | int, kind: str) -> str:
    """A name, or a vector of constants; LLVM writes floats as the bits of doubles."""
    if isinstance(value, str):
        return value
    if kind == 'f':
        bits = struct.unpack('>Q', struct.pack('>d', np.float32(value)))[0]
        word = f'float 0x{bits:016X}'
    else:
        number = int(value)
        number -= 2**32 * (number >= 2**31)
        word = f'i32 {number}' if kind == 'i' else f'i1 {str(bool(value)).lower()}'
    return f'<{", ".join([word] * LANES)}>'


def _simple(operation: str, values: tuple[Scalar, ...]) -> Scalar | None:
    """Result of an operation that leaves an argument as it is, or is zero whatever it is."""
    a, b = values[0], values[-1]
    if operation == 'add' and 0.0 in (a, b):
        return b if a == 0.0 else a
    if operation == 'sub' and b == 0.0:
        return a
    if operation == 'mul' and 0.0 in (a, b):
        return 0.0
    if operation == 'mul' and 1.0 in (a, b):
        return b if a == 1.0 else a
    if operation == 'div' and b == 1.0:
        return a
    if operation == 'where' and isinstance(a, bool):
        return values[1] if a else values[2]
    return None


def compiled(
    name: str, scalars: Scalars, inputs: Sequence[int], outputs: Sequence[Scalar]
) -> Callable[..., None]:
    """Compile `outputs` of input arrays with that many rows each.

    Returns `run(key, other, num, *arrays)`: two 32-bit keys of the random numbers, columns, and
    for every input and for the output the address of the first number and the bytes between rows.
    """
    if not outputs:
        raise SpecError(f'The function {name} computes nothing, expected at least one number.')
    arrays = {**{str(i): rows for i, rows in enumerate(inputs)}, '': len(outputs)}
    text = _module(scalars.body(outputs), arrays)
    pairs = [ctypes.c_uint64] * (2 * len(arrays))
    types = (ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64, *pairs)
    return native.function(name, text, native.signature(*types))


def _module(lines: Sequence[str], arrays: dict[str, int]) -> str:
    """One loop over blocks of LANES columns; %o is how many bytes into the rows it has come."""
    arguments = ''.join(f', i64 %p{array}, i64 %s{array}' for array in arrays)
    entry, addresses = [], []
    for array, count in arrays.items():
        for row in range(count):
            at = f'{array}_{row}'
            before = f'%p{array}' if row == 0 else f'%b{array}_{row - 1}'
            step = '0' if row == 0 else f'%s{array}'
            entry.append(f'%b{at} = add i64 {before}, {step}')
            addresses.append((f'%a{at}', f'%b{at}'))
    body = []
    pending = dict(addresses)
    for line in lines:
        place = next((word.rstrip(',') for word in line.split() if word.startswith('%a')), '')
        if place in pending:
            body.append(f'{place}i = add i64 {pending[place]}, %o')
            body.append(f'{place} = inttoptr i64 {place}i to P')
            body.append(f'{place}n = add i64 {place}i, {4 * LANES * AHEAD}')
            body.append(f'{place}f = inttoptr i64 {place}n to Q')
            write = int(line.startswith('store'))
            body.append(f'call void @llvm.prefetch.W(Q {place}f, i32 {write}, i32 3, i32 1)')
        body.append(line)
    lanes = ', '.join(f'i32 {lane}' for lane in range(LANES))
    text = f"""
define void @run(i32 %k, i32 %l, i64 %num{arguments}) {{
entry:
{_spread('key', 'k')}
{_spread('other', 'l')}
{chr(10).join(entry)}
br label %loop
loop:
%start = phi i64 [0, %entry], [%next, %loop]
%o = mul i64 %start, 4
%first = trunc i64 %start to i32
{_spread('starts', 'first')}
%index = add I %starts, <{lanes}>
{chr(10).join(body)}
%next = add i64 %start, {LANES}
%more = icmp ult i64 %next, %num
br i1 %more, label %loop, label %exit
exit:
ret void
}}
"""
    text += 'declare void @llvm.prefetch.W(Q, i32, i32, i32)\n'
    for function in ('fabs', 'sqrt', 'floor', 'exp', 'log'):
        text += f'declare F @llvm.{function}.V(F)\n'
    return _typed(text)


def _spread(name: str, value: str) -> str:
    """Lines that set vector `name` to integer `value` in every lane."""
    return (
        f'%{name}_0 = insertelement I undef, i32 %{value}, i32 0\n'
        f'%{name} = shufflevector I %{name}_0, I undef, I zeroinitializer'
    )


def _typed(text: str) -> str:
    """Write the short names of types out."""
    words = {
        'F': _KINDS['f'],
        'I': _KINDS['i'],
        'B': _KINDS['b'],
        'P': native.pointer(_KINDS['f']),
        'Q': native.pointer('i8'),
    }
    lines = []
    for line in text.split('\n'):
        line = line.replace('.W(Q', '.p0( Q' if words['Q'] == 'ptr' else '.p0i8( Q')
        line = line.replace('.V(F', f'.v{LANES}f32(F').replace('(F', '( F').replace('F)', 'F )')
        lines.append(
            ' '.join(
                words.get(w.rstrip(','), w.rstrip(',')) + ',' * w.endswith(',')
                for w in line.split(' ')
            )
        )
    return '\n'.join(lines)
