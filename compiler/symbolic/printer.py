"""sympy expressions as torch code: precedence, stable forms, shared parts, nothing evaluated.

sympy's own printer writes code that raises or overflows (``Max``, derivatives of sigmoids). This
one prints what this compiler makes and refuses the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sympy

from lossc.compiler.symbolic import functions as fn

Expr = Any
Code = tuple[str, int]  # and how tightly its outermost operator binds, as Python has it

_SUM, _PRODUCT, _MINUS, _POWER, _ATOM = 12, 13, 14, 15, 20
_METHODS = {
    fn.sigmoid: "sigmoid",
    fn.relu: "relu",
    fn.absolute: "abs",
    fn.signum: "sign",
    sympy.Abs: "abs",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.tanh: "tanh",
    sympy.sin: "sin",
    sympy.cos: "cos",
}
LONG = 72  # characters of an expression that is given names inside
_PART_NAMES = {
    fn.sigmoid: "probability",
    fn.logsigmoid: "log_probability",
    fn.softplus: "log_odds",
    fn.chosen: "chosen",
    sympy.Pow: "power",
    sympy.exp: "exponential",
    sympy.log: "logarithm",
}
_OF_NUMBERS = {
    sympy.exp: "math.exp",
    sympy.log: "math.log",
    sympy.tanh: "math.tanh",
    sympy.sin: "math.sin",
    sympy.cos: "math.cos",
    sympy.Abs: "abs",
    fn.absolute: "abs",
    sympy.Max: "max",
    sympy.Min: "min",
}


class NotPrintable(ValueError):
    """An expression that has no torch code here."""


class TorchPrinter:
    """Prints expressions over given names.

    Args:
        names: The code of each symbol.
        numbers: Symbols that stand for Python numbers; all others are tensors.
        bits: Symbols of bool tensors, which are 1 or 0 in arithmetic.
        dtype: Code of the dtype that bits take in arithmetic.
    """

    def __init__(
        self,
        names: Mapping[Expr, str],
        numbers: Collection[Expr] = (),
        bits: Collection[Expr] = (),
        dtype: str = "torch.float64",
    ):
        self.names, self.dtype = dict(names), dtype
        self.numbers, self.bits = set(numbers), set(bits)
        self.tails: set[Expr] = set()  # symbols of logarithms that may be tiny

    def code(self, expression: Expr) -> str:
        """One Python expression.

        Raises:
            NotPrintable: It holds a symbol without a name, or a function without torch code.
        """
        return self._code(expression)[0]

    def program(
        self, expressions: Sequence[Expr], taken: Iterable[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Assignments of the parts that ``expressions`` share, and the code of each.

        Args:
            expressions: What is to be computed.
            taken: Names that parts must not have.
        """
        used = {*taken, *self.names.values()}
        parts, results = sympy.cse(list(expressions), order="canonical")
        lines: list[str] = []
        negative: dict[Expr, Expr] = {}  # a name for the negative of a name saves nothing
        for symbol, part in parts:
            part = part.xreplace(negative)
            if (-part).is_Symbol:
                negative[symbol] = part
            else:
                self._assign(symbol, part, lines, used)
        return lines, [self._fitting(r.xreplace(negative), lines, used) for r in results]

    def _assign(self, symbol: Expr, part: Expr, lines: list[str], used: set[str]) -> None:
        """Appends ``name = code`` and lets ``symbol`` stand for the name."""
        code = self._fitting(part, lines, used)
        wanted = _PART_NAMES.get(part.func, "part")
        fresh, number = wanted, 2
        while fresh in used:
            fresh, number = f"{wanted}{number}", number + 1
        used.add(fresh)
        if not self._is_tensor(part):
            self.numbers.add(symbol)
        if isinstance(part, fn.softplus):
            self.tails.add(symbol)
        lines.append(f"{fresh} = {code}")
        self.names[symbol] = fresh

    def _fitting(self, e: Expr, lines: list[str], used: set[str]) -> str:
        """The code of ``e``; its longest arguments get names until it fits on a line."""
        code = self.code(e)
        while len(code) > LONG:
            long = max(e.args, key=lambda arg: len(self.code(arg)) * (arg not in self.bits))
            if not long.args or long.is_number:
                break
            known = {"nonnegative": True} if long.is_nonnegative else {"real": True}
            symbol = sympy.Dummy(**known)
            self._assign(symbol, long, lines, used)
            e = e.func(*(symbol if arg == long else arg for arg in e.args))
            code = self.code(e)
        return code

    # ------------------------------------------------------------------ expressions

    def _is_tensor(self, expression: Expr) -> bool:
        return any(symbol not in self.numbers for symbol in expression.free_symbols)

    def _code(self, e: Expr) -> Code:
        if e.is_Symbol:
            if e not in self.names:
                raise NotPrintable(f"no name for {e}")
            name = self.names[e]
            code = f"{name}.to({self.dtype})" if e in self.bits else name
            return code, _ATOM if re.fullmatch(r"[\w.]+|[\w.]+\(.*\)", code) else 0
        if (e.is_number and not e.has(sympy.Function)) or e.is_Rational or e.is_Float:
            return _number(e)
        if e.is_Add:
            return self._sum(e)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(e.base, e.exp)
        return self._call(e)

    def _in(self, e: Expr, level: int) -> str:
        code, own = self._code(e)
        return code if own >= level else f"({code})"

    def _sum(self, e: Expr) -> Code:
        terms = sorted(e.as_ordered_terms(), key=self._place_in_sum)
        grown = [t for t in terms if isinstance(t, sympy.exp) and self._is_tensor(t)]
        if len(grown) == 1 and -1 in terms:  # exp(x) - 1 keeps its digits near 0
            terms = [t for t in terms if t not in (-1, grown[0])]
            code = f"{self._in(grown[0].args[0], _ATOM)}.expm1()"
            if not terms:
                return code, _ATOM
            terms.insert(0, grown[0])
        else:
            code = self._in(terms[0], _SUM)
        for term in terms[1:]:
            if term.could_extract_minus_sign():
                code += f" - {self._in(-term, _PRODUCT)}"
            else:
                code += f" + {self._in(term, _SUM + 1)}"
        return code, _SUM

    def _place_in_sum(self, term: Expr) -> tuple[bool, bool]:
        """Tails come last, where what is large has cancelled; what is subtracted is not first."""
        tail = isinstance(term, fn.softplus) or term in self.tails
        return tail, term.could_extract_minus_sign()

    def _product(self, e: Expr) -> Code:
        coefficient, rest = e.as_coeff_Mul()
        if coefficient < 0:
            return f"-{self._in(-e, _MINUS - 1 if (-e).is_Mul else _MINUS)}", _PRODUCT
        above, below = [], []
        for factor in rest.as_ordered_factors() if rest.is_Mul else [rest]:
            base, exponent = factor.as_base_exp()
            # a tensor that may be 0 keeps its negative power, whose limit is settled there
            safe = not self._is_tensor(base) or (base.is_Symbol and base.is_positive)
            if exponent.is_Rational and exponent < 0 and safe:
                below.append(base**-exponent)
            else:
                above.append(factor)
        if coefficient.is_Rational and coefficient.q != 1 and coefficient.p == 1:
            below.insert(0, sympy.Integer(coefficient.q))
        elif coefficient != 1:
            above.insert(0, coefficient)
        code = " * ".join(self._in(f, _PRODUCT + (place > 0)) for place, f in enumerate(above))
        for factor in below:
            code = f"{code or '1'} / {self._in(factor, _PRODUCT + 1)}"
        return code, _PRODUCT

    def _power(self, base: Expr, exponent: Expr) -> Code:
        if not self._is_tensor(base):
            return self._plain_power(base, exponent)
        if exponent == sympy.Rational(1, 2):
            return f"{self._in(base, _ATOM)}.sqrt()", _ATOM
        if exponent == 2:
            return f"{self._in(base, _ATOM)}.square()", _ATOM
        if exponent.is_nonnegative:
            return self._plain_power(base, exponent)
        return f"power_or_zero({self.code(base)}, {self.code(exponent)})", _ATOM

    def _plain_power(self, base: Expr, exponent: Expr) -> Code:
        left, right = self._in(base, _POWER + 1), self._in(exponent, _MINUS)
        simple = all(re.fullmatch(r"[A-Za-z_][\w.]*|\d+", side) for side in (left, right))
        return (f"{left}**{right}" if simple else f"{left} ** {right}"), _POWER

    def _call(self, e: Expr) -> Code:
        if not self._is_tensor(e):
            if e.func not in _OF_NUMBERS:
                raise NotPrintable(f"no code for {e.func.__name__} of a number")
            return f"{_OF_NUMBERS[e.func]}({', '.join(map(self.code, e.args))})", _ATOM
        if e.func is sympy.log:
            return self._log(e.args[0])
        if e.func in _METHODS:
            return f"{self._in(e.args[0], _ATOM)}.{_METHODS[e.func]}()", _ATOM
        if e.func is fn.softplus:
            # torch's threshold of 20 is for single precision: there, exp(-20) is still a digit
            return f"functional.softplus({self.code(e.args[0])}, threshold=40)", _ATOM
        if e.func is fn.logsigmoid:
            return f"functional.logsigmoid({self.code(e.args[0])})", _ATOM
        if e.func is fn.step:
            return self._condition(e.args[0], ">", sympy.Integer(0))
        if e.func is fn.at_least:
            return self._condition(e.args[0], ">=", e.args[1])
        if e.func is fn.chosen:
            return self._chosen(*e.args)
        if e.func is fn.times_log:
            return f"times_log({self.code(e.args[0])}, {self.code(e.args[1])})", _ATOM
        if e.func in (fn.maximum, fn.minimum, sympy.Max, sympy.Min):
            return self._extreme(e)
        raise NotPrintable(f"no code for {e.func.__name__}")

    def _log(self, inner: Expr) -> Code:
        """``log1p`` where 1 is added, so that small numbers keep their digits."""
        rest = inner - 1
        if inner.is_Add and inner.as_coeff_Add()[0] == 1 and self._is_tensor(rest):
            return f"{self._in(rest, _ATOM)}.log1p()", _ATOM
        return f"{self._in(inner, _ATOM)}.log()", _ATOM

    def _condition(self, left: Expr, sign: str, right: Expr) -> Code:
        if not self._is_tensor(left):  # a number on the left would print, but reads backwards
            turned = {">": "<", ">=": "<="}[sign]
            left, right, sign = right, left, turned
        test = f"{self._in(left, _SUM)} {sign} {self._in(right, _SUM)}"
        return f"({test}).to({self.dtype})", _ATOM

    def _chosen(self, bit: Expr, yes: Expr, no: Expr) -> Code:
        if bit not in self.bits:
            raise NotPrintable("a choice by something that is no bit")
        whole = all(part.is_Integer for part in (yes, no))
        if not whole and not self._is_tensor(yes) and not self._is_tensor(no):
            # of two numbers, torch.where makes float32, whatever the scores are
            return f"({self.code(no)} + {self._in(yes - no, _PRODUCT)} * {self.code(bit)})", _ATOM
        return f"torch.where({self.names[bit]}, {self.code(yes)}, {self.code(no)})", _ATOM

    def _extreme(self, e: Expr) -> Code:
        least = e.func in (fn.minimum, sympy.Min)
        args = sorted(e.args, key=lambda arg: not self._is_tensor(arg))
        code, level = self._code(args[0])
        for arg in args[1:]:
            if self._is_tensor(arg):
                name = "minimum" if least else "maximum"
                code, level = f"torch.{name}({code}, {self.code(arg)})", _ATOM
            else:
                first = code if level >= _ATOM else f"({code})"
                bound = "max" if least else "min"
                code, level = f"{first}.clamp({bound}={self.code(arg)})", _ATOM
        return code, level


def _number(e: Expr) -> Code:
    if e.is_Integer:
        code = str(int(e))
    else:
        value = float(e)
        if not math.isfinite(value):
            raise NotPrintable(f"{e} is no finite number")
        code = repr(value)
    return code, _MINUS if code.startswith("-") else _ATOM
