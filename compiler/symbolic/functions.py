"""Functions that sympy must not take apart: each stays whole, and knows a stable derivative.

Written out as ``1 / (1 + exp(-x))``, a sigmoid's derivative comes back as a quotient that is NaN
at -200. As a function of its own it is ``sigmoid(x) * sigmoid(-x)``, which neither overflows nor
cancels. What torch does at a kink (``relu'(0) = 0``) is the derivative here too.
"""

from __future__ import annotations

from typing import Any

import sympy

Expr = Any  # sympy has no types


class _Opaque(sympy.Function):  # type: ignore[misc]
    """A real function with a definition that serves numbers only."""

    is_extended_real = True

    def definition(self) -> Expr:
        """The same in functions of sympy."""
        raise NotImplementedError

    def _eval_evalf(self, prec: int) -> Expr:
        return self.definition()._eval_evalf(prec)


class sigmoid(_Opaque):  # noqa: N801
    """``1 / (1 + exp(-x))``; its complement is ``sigmoid(-x)``."""

    is_positive = True
    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        return sympy.Rational(1, 2) if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.args[0]) * sigmoid(-self.args[0])

    def definition(self) -> Expr:
        return 1 / (1 + sympy.exp(-self.args[0]))


class logsigmoid(_Opaque):  # noqa: N801
    """``log(sigmoid(x))``; the derivative is ``sigmoid(-x)``."""

    is_negative = True
    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(-self.args[0])

    def definition(self) -> Expr:
        return -sympy.log(1 + sympy.exp(-self.args[0]))


class softplus(_Opaque):  # noqa: N801
    """``log(1 + exp(x))``; the derivative is ``sigmoid(x)``."""

    is_positive = True
    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.args[0])

    def definition(self) -> Expr:
        return sympy.log(1 + sympy.exp(self.args[0]))


class step(_Opaque):  # noqa: N801
    """1 for positive numbers, else 0."""

    is_nonnegative = True
    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        if x.is_positive:
            return sympy.Integer(1)
        return sympy.Integer(0) if x.is_nonpositive else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.Integer(0)


class relu(_Opaque):  # noqa: N801
    """The positive part; the derivative is ``step``, 0 at 0."""

    is_nonnegative = True
    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        if x.is_nonnegative:
            return x
        return sympy.Integer(0) if x.is_nonpositive else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return step(self.args[0])

    def definition(self) -> Expr:
        return sympy.Max(self.args[0], 0)


class signum(_Opaque):  # noqa: N801
    """-1, 0 or 1; its derivative is 0, also at 0, where sympy has a Dirac delta."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        return sympy.sign(x) if x.is_positive or x.is_negative or x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.Integer(0)

    def definition(self) -> Expr:
        return sympy.sign(self.args[0])


class absolute(_Opaque):  # noqa: N801
    """The absolute value; the derivative is ``signum``, 0 at 0."""

    is_nonnegative = True
    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        if x.is_nonnegative:
            return x
        if x.is_nonpositive:
            return -x
        return cls(-x) if x.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return signum(self.args[0])

    def definition(self) -> Expr:
        return sympy.Abs(self.args[0])


class at_least(_Opaque):  # noqa: N801
    """1 where the first number is not below the second: what ``clamp`` lets through."""

    is_nonnegative = True
    nargs = 2

    @classmethod
    def eval(cls, x: Expr, y: Expr) -> Expr | None:
        difference = x - y
        if difference.is_nonnegative:
            return sympy.Integer(1)
        return sympy.Integer(0) if difference.is_negative else None

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.Integer(0)


class maximum(_Opaque):  # noqa: N801
    """The larger of a number and a bound; at the bound, the gradient goes to the number."""

    nargs = 2

    @classmethod
    def eval(cls, x: Expr, bound: Expr) -> Expr | None:
        difference = x - bound
        if difference.is_nonnegative:
            return x
        return bound if difference.is_negative else None

    def fdiff(self, argindex: int = 1) -> Expr:
        passed = at_least(*self.args)
        return passed if argindex == 1 else 1 - passed

    def definition(self) -> Expr:
        return sympy.Max(*self.args)


class minimum(_Opaque):  # noqa: N801
    """The smaller of a number and a bound; at the bound, the gradient goes to the number."""

    nargs = 2

    @classmethod
    def eval(cls, x: Expr, bound: Expr) -> Expr | None:
        difference = bound - x
        if difference.is_nonnegative:
            return x
        return bound if difference.is_negative else None

    def fdiff(self, argindex: int = 1) -> Expr:
        passed = at_least(self.args[1], self.args[0])
        return passed if argindex == 1 else 1 - passed

    def definition(self) -> Expr:
        return sympy.Min(*self.args)


class chosen(_Opaque):  # noqa: N801
    """The second argument where the first, a bit, is 1, and the third elsewhere."""

    nargs = 3

    @classmethod
    def eval(cls, bit: Expr, yes: Expr, no: Expr) -> Expr | None:
        if bit == 1 or yes == no:
            return yes
        if bit == 0:
            return no
        if isinstance(yes, chosen) and yes.args[0] == bit:
            return chosen(bit, yes.args[1], no)
        if isinstance(no, chosen) and no.args[0] == bit:
            return chosen(bit, yes, no.args[2])
        return None

    def _eval_derivative(self, symbol: Expr) -> Expr:
        bit, yes, no = self.args
        return chosen(bit, yes.diff(symbol), no.diff(symbol))


class times_log(_Opaque):  # noqa: N801
    """``x * log(y)``, which is 0 where both are 0; there, its derivatives are 0 as well."""

    nargs = 2

    @classmethod
    def eval(cls, x: Expr, y: Expr) -> Expr | None:
        return sympy.Integer(0) if x == 0 or y == 1 else None

    def fdiff(self, argindex: int = 1) -> Expr:
        x, y = self.args
        return sympy.log(y) if argindex == 1 else x / y

    def definition(self) -> Expr:
        x, y = self.args
        return sympy.Integer(0) if x == 0 else x * sympy.log(y)


def stable(expression: Expr) -> Expr:
    """``log(sigmoid(x)) -> logsigmoid(x)`` and ``1 - sigmoid(x) -> sigmoid(-x)``, everywhere.

    A sum with several sigmoids gives up one 1 for each of them, as far as it has any.
    """
    # products first: what stands inside them has been turned when they are looked at
    turned = expression.replace(lambda e: e.is_Add, _complements)
    return turned.replace(
        lambda e: isinstance(e, sympy.log) and isinstance(e.args[0], sigmoid),
        lambda e: logsigmoid(e.args[0].args[0]),
    )


def _complements(total: Expr) -> Expr:
    constant, terms = total.as_coeff_add()
    kept = []
    for term in terms:
        if constant >= 1 and isinstance(-term, sigmoid):
            constant, term = constant - 1, sigmoid(-(-term).args[0])
        kept.append(term)
    return sympy.Add(constant, *kept)
