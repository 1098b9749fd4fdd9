"""Recompute the coefficients of ``runtime/exponentials.py``: minimax fits in t = exp(-|c| / T).

Each function phi of t on [0, 1] is fitted by t^m p(t), with m the leading order of phi and p the
polynomial of least relative error (Remez's exchange, in 60 digits). Prints the table, for each row
the error of the fit, and the error when its terms are rounded to float64 and summed in float64.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import mpmath
import numpy as np

ORDERS = {"tail": 1, "tail_squared": 2, "slope": 1, "tail_slope": 2, "tail_squared_slope": 3}


def ratio(name: str) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """Phi / t^m: with s = t / (1 + t) and s (1 - s) = t / (1 + t)^2 a power of 1 / (1 + t)."""
    power = {"tail": 1, "tail_squared": 2, "slope": 2, "tail_slope": 3, "tail_squared_slope": 4}
    return lambda t: (1 + t) ** -power[name]


def minimax(
    f: Callable[[mpmath.mpf], mpmath.mpf], size: int
) -> tuple[list[mpmath.mpf], mpmath.mpf]:
    """The polynomial of ``size`` coefficients with the least relative error on [0, 1]."""
    nodes = [(1 - mpmath.cos(mpmath.pi * i / size)) / 2 for i in range(size + 1)]
    grid = [(1 - mpmath.cos(mpmath.pi * i / (41 * size))) / 2 for i in range(41 * size + 1)]
    values = [f(t) for t in grid]
    for _ in range(20):
        rows = mpmath.matrix(size + 1)
        for i, t in enumerate(nodes):
            for k in range(size):
                rows[i, k] = t**k / f(t)
            rows[i, size] = (-1) ** i
        solution = mpmath.lu_solve(rows, mpmath.matrix([1] * (size + 1)))
        coefficients = list(solution[:size])
        errors = [
            mpmath.polyval(coefficients[::-1], t) / v - 1 for t, v in zip(grid, values, strict=True)
        ]
        # the largest error of each sign run becomes a node
        runs: list[int] = []
        for i, error in enumerate(errors):
            if runs and mpmath.sign(error) == mpmath.sign(errors[runs[-1]]):
                if abs(error) > abs(errors[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        worst = max(abs(error) for error in errors)
        if len(runs) != size + 1:
            raise ValueError(f"{len(runs)} extrema of {size + 1}")
        nodes = [grid[i] for i in runs]
        if worst < abs(solution[size]) * (1 + mpmath.mpf(10) ** -3):
            break
    return coefficients, worst


def evaluated_error(name: str, terms: list[float]) -> float:
    """The relative error of the float64 sum of the float64 terms, on a fine grid of t."""
    t = np.concatenate([np.linspace(0, 1, 4001)[1:], np.logspace(-60, 0, 1001)])
    total, power = np.zeros_like(t), np.ones_like(t)
    for term in terms:
        power = power * t
        total += term * power
    exact = t.astype(np.longdouble)
    tail = exact / (1 + exact)
    slope = tail / (1 + exact)
    true = {
        "tail": tail,
        "tail_squared": tail**2,
        "slope": slope,
        "tail_slope": tail * slope,
        "tail_squared_slope": tail**2 * slope,
    }[name]
    return float(np.max(np.abs(total / true - 1)))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--single", type=float, default=1e-6, help="error of the short table")
    parser.add_argument("--double", type=float, default=1e-12, help="error of the long table")
    arguments = parser.parse_args()
    mpmath.mp.dps = 60
    for bound in (arguments.single, arguments.double):
        for name, order in ORDERS.items():
            size = 4
            while True:
                coefficients, worst = minimax(ratio(name), size)
                if worst <= bound:
                    break
                size += 1
            terms = [0.0] * (order - 1) + [float(c) for c in coefficients]
            got = evaluated_error(name, terms)
            largest = max(abs(term) for term in terms)
            print(f"# {name}: K = {len(terms)}, fit {float(worst):.1e}, float64 {got:.1e}", end="")
            print(f", largest {largest:.1f}")
            print(f'"{name}": (')
            for term in terms:
                print(f"    {term!r},")
            print("),")


if __name__ == "__main__":
    main()
