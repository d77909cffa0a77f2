#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Spectral filters as sums of shifted inverses: designs them, writes them as a header, and checks it.

    python3 tests/golden/poles.py             design every filter below, write include/selfpred/linalg/pole_tables.hpp
    python3 tests/golden/poles.py --check     recompute error and round-off of every design of the committed header
    python3 tests/golden/poles.py --matrices  run the committed designs on float32 matrices

Exit status: 0 written or in order, 1 not in order, 77 skipped (no numpy or no scipy). --check needs Python alone.

A design is r(x) = c0 + c1 x + sum a / (x + s) + sum 2 Re((p + i q) / (x + u + i v)) on [0, 1]. It is fitted with one
penalty for round-off: sup |r - filter| + FACTOR unit_roundoff round_off is least, round_off = sum |coefficient| /
|shift| (1 + BACKWARD / |shift|), where the second term is Cholesky's backward error. For given shifts that is nearly a
linear program; shifts move by their logarithms, first by least squares reweighted towards the sup norm
(variable projection), then by sequential linear programs in a trust region. Starts are geometric, or AAA's poles.
"""
import math
import os
import re
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
HEADER = Path(__file__).resolve().parents[2] / "include" / "selfpred" / "linalg" / "pole_tables.hpp"
FACTOR = 20         # float32 round-off on matrices up to 512 x 512, in units of 2^-24 round_off: --matrices
BACKWARD = 1 / 128  # as measured there: of poles at 4e-4 with opposite signs, round-off is 80 times coefficient / shift
LEAST_SHIFT = 256   # least shift of a design, in unit round-offs: below, a pivot may fail
SINGLE, DOUBLE = 2.0**-24, 2.0**-53


# ----------------------------------------------------------------------------------- filters

def steps_newton_schulz(n, x):
    a, b = x, 1 + 0 * x
    for _ in range(n):
        t = (3 - b * a) / 2
        a, b = a * t, t * b
    return a, b


def steps_visser(n, c, x):
    p = 1 / (2 * c) + 0 * x
    for _ in range(n):
        p = p + c * (x - p * p)
    return p


def reference(kind, n, c, x):
    """The filter at x, a number or an array."""
    if kind == "newton_schulz":
        return steps_newton_schulz(n, x)[0]
    if kind == "newton_schulz_inverse":
        return steps_newton_schulz(n, x)[1]
    return steps_visser(n, c, x) if kind == "visser" else x**0.5


def weight(kind, n, x):
    """Of the error: B_n is wanted to a relative error."""
    return 1 / steps_newton_schulz(n, x)[1] if kind == "newton_schulz_inverse" else 1 + 0 * x


def size(kind, n):
    """The filter's largest value, the unit of round-off."""
    return 1.5**n if kind == "newton_schulz_inverse" else 1.0


def scale(kind, n, c):
    """Eigenvalues below about this one have not yet reached their root: where the smallest shifts are sought."""
    return 2.25**-n if kind.startswith("newton_schulz") else 1 / (c * n)**2 if kind == "visser" else 1.0


# ------------------------------------------------------- designs: dictionaries, as in the header

def value(d, x):
    r = d["constant"] + d["slope"] * x
    for s, a in d["real"]:
        r = r + a / (x + s)
    for u, v, p, q in d["pairs"]:
        r = r + 2 * (p * (x + u) + q * v) / ((x + u)**2 + v * v)
    return r


def cost(d):
    return len(d["real"]) + sum(2 if q == 0 else 3.5 for *_, q in d["pairs"])


def shifts(d):
    return [s for s, _ in d["real"]] + [u for u, *_ in d["pairs"]]


def round_off(d):
    terms = [(abs(a), s) for s, a in d["real"]]
    terms += [(2 * math.hypot(p, q), math.hypot(u, v)) for u, v, p, q in d["pairs"]]
    return sum(a / s * (1 + BACKWARD / s) for a, s in terms) / size(d["kind"], d["n"])


def supremum(d, points=1500):
    """sup of the weighted error over [0, 1]: a grid in log x, and golden sections about its maxima."""
    least = math.log(min(shifts(d)) * 1e-4)

    def error(t):
        x = math.exp(t)
        return abs(value(d, x) - reference(d["kind"], d["n"], d["c"], x)) * weight(d["kind"], d["n"], x)

    grid = [least * (1 - k / points) for k in range(points + 1)]
    values = [error(t) for t in grid]
    at_zero = abs(value(d, 0.0) - reference(d["kind"], d["n"], d["c"], 0.0))
    best = max(values[-1], at_zero * weight(d["kind"], d["n"], 0.0))
    for k in range(1, points):
        if values[k] >= max(values[k - 1], values[k + 1]) and values[k] > 0.8 * best:
            a, b = grid[k - 1], grid[k + 1]
            for _ in range(40):
                left, right = b - (b - a) * 0.6180339887498949, a + (b - a) * 0.6180339887498949
                a, b = (a, right) if error(left) > error(right) else (left, b)
            best = max(best, error((a + b) / 2), values[k])
    return best


# ------------------------------------------------------------------------------- the recipes

# kind, n, c, real poles, pairs, what is special: "q" pairs with q free, "aaa" AAA's poles as the start, with so many
# terms, "start" the least and the greatest shift and the pair (u, v): all but the second in units of scale().
def recipes():
    low, wide = (2.2, 0.5, 2.0, 5.0), (12, 0.5, 2.0, 5.0)
    low3, wide3 = (2.2, 3.0, 2.0, 5.0), (12, 3.0, 2.0, 5.0)
    near = lambda s: (*s[:2], 3.5, 3.3)
    for n, rows in {4: [(2, 1, low3), (3, 1, low)],
                    5: [(3, 0, wide), (2, 1, wide3), (3, 1, wide)],
                    6: [(2, 1, wide3), (4, 1, low)],
                    7: [(2, 1, near(low3)), (3, 1, near(low3)), (4, 1, near(low))],
                    8: [(3, 0, low), (4, 1, near(low))],
                    9: [(3, 0, wide3), (4, 1, wide3)],
                    10: [(4, 0, wide3), (5, 1, near(wide3))],
                    11: [(4, 0, low3), (5, 1, wide)],
                    12: [(4, 0, wide3), (6, 1, near(wide))]}.items():
        for real, pairs, start in rows:
            yield "newton_schulz", n, 0, real, pairs, {"start": start, "q": n == 4 and real == 3}
    yield "newton_schulz", 9, 0, 5, 1, {"aaa": 8, "q": True}
    for terms in (14, 18):
        yield "newton_schulz", 9, 0, None, None, {"aaa": terms, "q": True, "unit": DOUBLE}
    for n, rows in {5: [(2, 1, wide)],
                    7: [(2, 1, near(low3)), (3, 1, low3)],
                    9: [(3, 1, wide), (4, 1, low3)],
                    11: [(4, 1, wide3)]}.items():
        for real, pairs, start in rows:
            yield "newton_schulz_inverse", n, 0, real, pairs, {"start": start}
    for n, c, rows in ((50, 0.5, [(3, 0, wide), (4, 0, low)]), (20, 0.5, [(2, 0, wide3), (2, 1, low)]),
                       (100, 0.5, [(3, 0, wide3), (5, 0, low3)]), (50, 0.25, [(2, 0, wide3), (3, 0, low)]),
                       (20, 0.25, [(2, 0, low3)]), (100, 0.25, [(3, 0, wide3), (4, 0, low)]),
                       (50, 0.1, [(2, 0, wide3)]), (50, 0.02, [(1, 0, low)]), (20, 0.1, [(1, 0, low)]),
                       (100, 0.1, [(2, 0, low3), (3, 0, low3)])):
        for real, pairs, start in rows:
            yield "visser", n, c, real, pairs, {"start": start}
    yield "visser", 50, 0.5, None, None, {"aaa": 12, "q": True, "unit": DOUBLE}
    for real, least, unit in ((4, 3e-5, SINGLE), (10, 3e-9, DOUBLE)):
        yield "square_root", 0, 0, real, 0, {"start": (least, 1.0, 0, 0), "unit": unit}


# ------------------------------------------------------------------------------- the fits

def fit(kind, n, c, real, pairs, unit=SINGLE, q=False, aaa=None, start=None):
    import numpy as np
    from scipy.interpolate import AAA
    from scipy.optimize import least_squares, linprog
    typical, penalty = scale(kind, n, c), FACTOR * unit * size(kind, n)**-1
    if aaa:
        z = np.concatenate([[0], np.geomspace(typical / 100, 1, 1500)])
        poles = AAA(z, reference(kind, n, c, z), max_terms=aaa, rtol=1e-16).poles()
        is_real = abs(poles.imag) < 1e-9 * abs(poles)
        s = -poles.real[is_real & (poles.real < 0)]
        u, v = -poles.real[poles.imag > 1e-9 * abs(poles)], poles.imag[poles.imag > 1e-9 * abs(poles)]
        u = np.maximum(u, 0.03 * v)
    else:
        low, high = start[0] * typical, max(start[1], start[0] * typical * 1.5)
        s = np.geomspace(low, high, real) if real > 1 else np.array([min(0.3, 20 * typical)])
        spread = np.array([1.0, 3.0][:pairs])
        u, v = start[2] * typical * spread, start[3] * typical * spread
    K, J = len(s), len(u)
    logs = np.log(np.concatenate([s, u, v]))
    lowest = min(1e-2 * typical, 1e-2 * np.exp(logs.min()))
    x = np.concatenate([[0], np.geomspace(lowest, 1, 600 if unit == DOUBLE else 200)])
    w = weight(kind, n, x)
    f = w * reference(kind, n, c, x)
    free = 2 + K + (2 * J if q else J)  # linear coefficients: c0, c1, a / s, then p and q over |u + i v|
    twice = np.array([0, 0] + [1] * K + [2] * (free - 2 - K))
    bounds = np.log(np.array([max(LEAST_SHIFT * unit, lowest)] * K + [LEAST_SHIFT * unit] * (2 * J))), math.log(1e3)

    def basis(logs):
        s, u, v = (np.exp(part) for part in np.split(logs, [K, K + J]))
        m = np.hypot(u, v)
        columns = [x**0, x] + [each / (x + each) for each in s]
        columns += [2 * m[j] * (x + u[j]) / ((x + u[j])**2 + v[j]**2) for j in range(J)]
        columns += [2 * m[j] * v[j] / ((x + u[j])**2 + v[j]**2) for j in range(J)] if q else []
        return w[:, None] * np.array(columns).T

    def share(logs):
        s, u, v = (np.exp(part) for part in np.split(logs, [K, K + J]))
        sizes = np.concatenate([[1, 1], s, np.hypot(u, v), np.hypot(u, v) if q else []])
        return twice * (1 + BACKWARD / sizes)

    def slopes(logs, linear):
        """Derivatives with respect to the logs: central differences of an analytic function, right to 1e-9."""
        h = 1e-5
        return np.array([(basis(logs + h * e) - basis(logs - h * e)) @ linear / (2 * h) for e in np.eye(len(logs))]).T

    def total(logs, linear):
        return np.max(np.abs(f - basis(logs) @ linear)) + penalty * share(logs) @ np.abs(linear)

    def program(matrix, residual, linear, logs, box):
        """The least sup |residual - matrix d| + penalty sum |linear + d|, as (d, the optimum)."""
        unit = max(np.max(np.abs(residual)), 1e-15)
        count, rows = matrix.shape[1], len(x)
        a = np.zeros((2 * rows + 2 * (free - 2), count + 1 + free - 2))
        b = np.zeros(len(a))
        a[:rows, :count], a[rows:2 * rows, :count], a[:2 * rows, count] = -matrix / unit, matrix / unit, -1
        b[:rows], b[rows:2 * rows] = -residual / unit, residual / unit
        for k in range(free - 2):
            for row, sign in ((2 * rows + 2 * k, 1), (2 * rows + 2 * k + 1, -1)):
                a[row, 2 + k], a[row, count + 1 + k], b[row] = sign, -1, -sign * linear[2 + k]
        goal = np.concatenate([np.zeros(count), [1], penalty / unit * share(logs)[2:]])
        limits = [(None, None)] * free + box + [(0, None)] * (1 + free - 2)
        found = linprog(goal, A_ub=a, b_ub=b, bounds=limits, method="highs")
        return (found.x[:count], found.fun * unit) if found.status == 0 else (None, math.inf)

    def linear_fit(logs, linear):
        step, _ = program(basis(logs), f - basis(logs) @ linear, linear, logs, [])
        return linear if step is None else linear + step

    # Variable projection: least squares with the weights of Lawson's iteration.
    emphasis, best = np.ones_like(x), None
    ridge = np.diag(twice * (1e-14 if unit == DOUBLE else 3e-6))

    def solve(logs):
        matrix = emphasis[:, None] * basis(logs)
        linear = np.linalg.lstsq(np.vstack([matrix, ridge]), np.concatenate([emphasis * f, np.zeros(free)]), None)[0]
        return linear, np.concatenate([matrix @ linear - emphasis * f, ridge @ linear])

    logs = np.clip(logs, bounds[0] + 1e-9, bounds[1] - 1e-9)
    for _ in range(5 if unit == DOUBLE else 3):
        logs = least_squares(lambda each: solve(each)[1], logs, bounds=bounds, max_nfev=150 if unit == DOUBLE else 60,
                             xtol=1e-10, ftol=1e-10, gtol=1e-15).x
        linear = solve(logs)[0]
        if best is None or total(logs, linear) < best[0]:
            best = total(logs, linear), logs, linear
        error = np.abs(f - basis(logs) @ linear)
        emphasis = emphasis * np.sqrt(error / error.max() + 1e-2)
        emphasis /= emphasis.max()
    _, logs, linear = best
    # Sequential linear programs: all coefficients move at once, then the linear ones again for the new shifts.
    if not aaa or unit == SINGLE:
        linear = linear_fit(logs, linear)
        now, radius, small = total(logs, linear), 0.2, 0
        for _ in range(60):
            box = [(max(-radius, min(0.0, b - at)), min(radius, bounds[1] - at)) for at, b in zip(logs, bounds[0])]
            step, promise = program(np.hstack([basis(logs), slopes(logs, linear)]), f - basis(logs) @ linear, linear,
                                    logs, box)
            if step is None:
                break
            moved = logs + step[free:]
            coefficients = linear_fit(moved, linear + step[:free])
            then = total(moved, coefficients)
            if then < now:
                gained, small = (now - then) / max(now - promise, 1e-300), small + 1 if now - then < 1e-4 * now else 0
                logs, linear, now = moved, coefficients, then
                radius = min(2 * radius, 1.0) if gained > 0.6 else radius / 2 if gained < 0.2 else radius
            else:
                radius /= 4
            if promise > now * (1 - 1e-5) or radius < 1e-6 or small > 2:
                break
    s, u, v = (np.exp(part) for part in np.split(logs, [K, K + J]))
    m = np.hypot(u, v)
    p, imaginary = linear[2 + K:2 + K + J] * m, linear[2 + K + J:] * m if q else 0 * m
    for digits in range(6, 18):  # the fewest that keep the error within 0.5 percent
        brief = lambda *row: tuple(float(f"{each:.{digits}g}") for each in row)
        d = {"kind": kind, "n": n, "c": c, "real": sorted(brief(*row) for row in zip(s, linear[2:2 + K] * s)),
             "pairs": sorted(brief(*row) for row in zip(u, v, p, imaginary))}
        d["constant"], d["slope"] = brief(linear[0], linear[1])
        d["sup"] = supremum(d)
        if digits == 6:
            exact = supremum({**d, "constant": linear[0], "slope": linear[1], "real": list(zip(s, linear[2:2 + K] * s)),
                              "pairs": list(zip(u, v, p, imaginary))})
        if d["sup"] <= 1.005 * exact:
            break
    up = lambda value: float(f"{value * 1.005:.2e}")  # never below the value
    d["error"], d["round_off"] = up(d["sup"]), up(round_off(d))
    return d


# ------------------------------------------------------------- the root in two stages (Zolotarev)

LOWER = 4e-3  # of sqrt(x): relative accuracy on [LOWER^2, 1]


def zolotarev(lower):
    """h with sqrt(x) h(x) nearest to 1 on [lower^2, 1], of two poles, in the elliptic functions of modulus
    sqrt(1 - lower^2) by descending Landen transformations; and sup, inf of sqrt(x) h(x)."""
    a, b, means = 1.0, lower, []
    while abs(a - b) > 1e-15 * a:
        means.append(((a + b) / 2, (a - b) / 2))
        a, b = (a + b) / 2, math.sqrt(a * b)
    squares = []
    for j in range(1, 5):
        phi = 2.0**len(means) * a * j / 5 * math.pi / (2 * a)
        for mean, difference in reversed(means):
            phi = (phi + math.asin(difference / mean * math.sin(phi))) / 2
        squares.append((lower * math.tan(phi))**2)
    shift, zero = squares[0::2], squares[1::2]
    h = lambda x: (x + zero[0]) * (x + zero[1]) / ((x + shift[0]) * (x + shift[1]))
    values = [math.sqrt(x) * h(x) for x in (lower**(2 - k / 5000) for k in range(10001))]
    unit = 2 / (min(values) + max(values))
    real = [(s, unit * (zero[0] - s) * (zero[1] - s) / (other - s)) for s, other in (shift, shift[::-1])]
    return unit, real, unit * max(values), unit * min(values)


def two_stages():
    """Rows (constant, poles) of h_1, scaled so that x h_1(x)^2 <= 1, and h_2."""
    constant, real, high, low = zolotarev(LOWER)
    brief = lambda value: float(f"{value:.10g}")
    second = zolotarev(low / high)
    return [(brief(constant / high), [(brief(s), brief(a / high)) for s, a in real]),
            (brief(second[0]), [(brief(s), brief(a)) for s, a in second[1]])]


def two_stage_error(stages):
    """sup of the error on [0, 1], and of the relative one on [LOWER^2, 1]."""
    h = lambda stage, x: stage[0] + sum(a / (x + s) for s, a in stage[1])
    absolute = relative = 0.0
    for k in range(20001):
        x = 1e-10**(1 - k / 20000)
        b = h(stages[0], x)
        error = abs(x * b * h(stages[1], x * b * b) - math.sqrt(x))
        absolute = max(absolute, error)
        relative = max(relative, error / math.sqrt(x) if x >= LOWER**2 else 0)
    return absolute, relative


# ------------------------------------------------------------------------------- the header

TEMPLATE = '''// SPDX-License-Identifier: MIT
// Written by tests/golden/poles.py, which designs these tables and checks them: change it, not this file.
#pragma once
#include <cstddef>
#include <selfpred/algorithm.hpp>
#include <span>

/// Spectral filters as sums of a few shifted inverses,
///   r(x) = constant + slope x + sum a / (x + s) + sum 2 Re((p + i q) / (x + u + i v)),  0 <= x <= 1,
/// x an eigenvalue of X = S / ||S||_F. Derivation and sources: docs/mathematics.md, Rational filters.
namespace selfpred::linalg {

/// coefficient / (x + shift): one inverse of a positive definite matrix.
struct real_pole {
  double shift, coefficient;
};

/// 2 Re((p + i q) / (x + shift + i imaginary)): with A = X + shift I and R = (A + imaginary^2 A^-1)^-1 it is
/// 2 p R + 2 q imaginary A^-1 R, two inverses of positive definite matrices and, where q is not 0, a product.
struct complex_pole {
  double shift, imaginary, p, q;
};

/// A sum of shifted inverses, and how well it stands for its filter.
struct rational_design {
  double constant, slope;
  std::span<real_pole const> real;
  std::span<complex_pole const> pairs;
  double error;      ///< sup |r - filter| over [0, 1]; of newton_schulz_inverse (B_n), sup |r / B_n - 1|
  double round_off;  ///< sum |coefficient| / |shift| (1 + 1 / (128 |shift|)), pairs twice; of B_n, over 1.5^n

  /// In inverses: 1 a real pole, 2 a pair with q = 0, 3.5 another pair.
  constexpr double cost() const {
    double sum = static_cast<double>(real.size());
    for (complex_pole const& each : pairs) sum += each.q == 0 ? 2 : 3.5;
    return sum;
  }
  constexpr double least_shift() const {  // both are sorted
    return selfpred::detail::min(real.empty() ? 1.0 : real.front().shift, pairs.empty() ? 1.0 : pairs.front().shift);
  }
};

enum class filter {
  newton_schulz,          ///< A_n(x) of A_0 = x, B_0 = 1: tends to sqrt(x)
  newton_schulz_inverse,  ///< B_n(x) = A_n(x) / x: tends to 1 / sqrt(x); B_n(0) = 1.5^n
  visser,                 ///< P_n(x) of P_0 = 1 / (2 c), P <- P + c (x - P^2): tends to sqrt(x)
  square_root             ///< sqrt(x); iterations 0
};

struct filter_design {
  filter kind;
  int iterations;
  double c;  ///< of visser, else 0
  rational_design design;
};

// clang-format off
namespace detail {

inline constexpr real_pole real_poles[] = {
@REAL@};
inline constexpr complex_pole complex_poles[] = {
@PAIRS@};
constexpr auto real(std::size_t first, std::size_t count) { return std::span(real_poles).subspan(first, count); }
constexpr auto pairs(std::size_t first, std::size_t count) { return std::span(complex_poles).subspan(first, count); }

}  // namespace detail

/// By filter, and of each the cheapest first.
inline constexpr filter_design filter_designs[] = {
@DESIGNS@};

/// sqrt(x) in two stages of two poles: b = h_1(x), a = x b, sqrt(x) = a h_2(a b); x / (x + s) = 1 - s / (x + s). Right to
/// @RELATIVE@ sqrt(x) for x >= @LOWER@ and to @ABSOLUTE@ below (the errors; round_off is over h(0)): 4 inverses, 2 products.
inline constexpr rational_design root_stages[] = {
@STAGES@};
// clang-format on

/// float32 round-off of matrices up to 512 x 512 was 3 to 21 times 2^-24 round_off, in units of the filter (31 for
/// visser with c = 0.02, whose pole is 9 away).
inline constexpr double round_off_factor = @FACTOR@;

/// The cheapest design with error + round_off_factor unit_roundoff round_off <= tolerance whose shifts are @LEAST@
/// unit round-offs or more, or nullptr. unit_roundoff is 2^-24 for float, 2^-53 for double.
constexpr rational_design const* find_design(filter kind, int iterations, double c, double tolerance,
                                             double unit_roundoff) {
  for (filter_design const& each : filter_designs)
    if (each.kind == kind && each.iterations == iterations && each.c == c &&
        each.design.error + round_off_factor * unit_roundoff * each.design.round_off <= tolerance &&
        each.design.least_shift() >= @LEAST@ * unit_roundoff)
      return &each.design;
  return nullptr;
}

}  // namespace selfpred::linalg
'''


def label(d):
    letter = {"newton_schulz": "A", "newton_schulz_inverse": "B", "visser": "P", "square_root": "root"}[d["kind"]]
    return (f"{letter}_{d['n']}" + (f", c = {d['c']:g}" if d["c"] else "")) if d["n"] else letter


def write(designs):
    stages = [{"kind": "square_root", "n": 0, "c": 0, "real": poles, "pairs": []} for _, poles in two_stages()]
    absolute, relative = two_stage_error(two_stages())

    def table(key):
        text = ""
        for d in designs + stages:
            line = f"    /* {label(d)} */"
            for row in d[key]:
                cell = " {" + ", ".join(f"{each!r}" if each else "0" for each in row) + "},"
                if len(line) + len(cell) > 120:
                    text, line = text + line + "\n", "       "
                line += cell
            text += line + "\n" if d[key] else ""
        return text

    rows, real, pairs = "", 0, 0
    for d in designs:
        rows += (f"    {{filter::{d['kind']}, {d['n']}, {d['c']:g}, {{{d['constant']!r}, {d['slope']!r}, "
                 f"detail::real({real}, {len(d['real'])}), detail::pairs({pairs}, {len(d['pairs'])}), "
                 f"{d['error']:g}, {d['round_off']:g}}}}},\n")
        real, pairs = real + len(d["real"]), pairs + len(d["pairs"])
    constants = [constant for constant, _ in two_stages()]
    noise = [round_off(each) / (c + sum(a / s for s, a in each["real"])) for c, each in zip(constants, stages)]
    text = "".join(f"    {{{constant!r}, 0, detail::real({real + 2 * k}, 2), detail::pairs({pairs}, 0), "
                   f"{(relative, absolute)[k] * 1.005:.2e}, {noise[k] * 1.005:.3g}}},\n"
                   for k, constant in enumerate(constants))
    text = TEMPLATE.replace("@STAGES@", text).replace("@RELATIVE@", f"{relative * 1.005:.1e}")
    text = text.replace("@LOWER@", f"{LOWER**2:.1e}").replace("@ABSOLUTE@", f"{absolute * 1.005:.1e}")
    text = text.replace("@REAL@", table("real")).replace("@PAIRS@", table("pairs")).replace("@DESIGNS@", rows)
    HEADER.write_text(text.replace("@FACTOR@", f"{FACTOR}").replace("@LEAST@", f"{LEAST_SHIFT}"))


def read():
    text = HEADER.read_text()
    number = r"-?[0-9][-+.0-9e]*"
    block = lambda name: re.search(r"%s\[\] = {(.*?)\n};" % name, text, re.S).group(1)
    rows = lambda name, count: [tuple(map(float, each)) for each in
                                re.findall(r"{" + ", ".join([f"({number})"] * count) + "}", block(name))]
    real, pairs = rows("real_poles", 2), rows("complex_poles", 4)
    line = (r"{filter::(\w+), (\d+), (%s), {(%s), (%s), detail::real\((\d+), (\d+)\), detail::pairs\((\d+), (\d+)\), "
            r"(%s), (%s)}}" % ((number,) * 5))
    designs = []
    for kind, n, c, constant, slope, r, rs, p, ps, error, noise in re.findall(line, block("filter_designs")):
        r, rs, p, ps = map(int, (r, rs, p, ps))
        designs.append({"kind": kind, "n": int(n), "c": float(c), "constant": float(constant), "slope": float(slope),
                        "real": real[r:r + rs], "pairs": pairs[p:p + ps], "error": float(error),
                        "round_off": float(noise), "used": (r, rs, p, ps)})
    stages = [(float(constant), real[int(first):int(first) + 2]) for constant, first in
              re.findall(r"{(%s), 0, detail::real\((\d+), 2\)" % number, block("root_stages"))]
    assert designs and len(designs) == block("filter_designs").count("filter::") and len(stages) == 2
    assert sum(d["used"][1] for d in designs) + 4 == len(real) and sum(d["used"][3] for d in designs) == len(pairs)
    return designs, stages


def check():
    failures, before = 0, None
    designs, stages = read()
    for d in designs:
        error, noise = supremum(d), round_off(d)
        key = d["kind"], d["n"], d["c"]
        in_order = before is None or before[0] != key or before[1] <= cost(d)
        before = key, cost(d)
        fine = (error - 100 * DOUBLE <= d["error"] <= 1.02 * error and noise <= d["round_off"] <= 1.02 * noise
                and in_order and min(shifts(d)) >= LEAST_SHIFT * DOUBLE)
        failures += not fine
        print(f"{label(d):14} cost {cost(d):4g} real {len(d['real']):2} pairs {len(d['pairs'])} error {error:.3e} "
              f"(stated {d['error']:.3g}) round-off {noise:.3g} (stated {d['round_off']:g}) least shift "
              f"{min(shifts(d)):.2g}{'' if fine else '  FAILED'}")
    absolute, relative = two_stage_error(stages)
    fine = stages == two_stages() and absolute < 2e-4 and relative < 7.2e-8
    failures += not fine
    print(f"root in two stages: error {absolute:.3e}, relative for x >= {LOWER**2:g} {relative:.3e}"
          f"{'' if fine else '  FAILED'}")
    print(f"{failures} designs not as stated" if failures else "every design is as stated")
    return 1 if failures else 0


# ------------------------------------------------------------------------------- on matrices

def matrices():
    """Prints the greatest error in spectral norm over the spectra below, of Cholesky inverses in the working precision
    against eigenvalues in double: of A_n, P_n and the root in units of sqrt(||S||_F), of B_n as the Stiefel predictor
    relative to ||P||, of two stages of A_7 in units of ||S||_F^(1/4)."""
    import numpy as np
    from scipy.linalg import lapack
    random = np.random.default_rng(1)

    def inverse(a):
        factor, inverse = (lapack.spotrf, lapack.strtri) if a.dtype == np.float32 else (lapack.dpotrf, lapack.dtrtri)
        l, info = factor(a, lower=1)
        if info:
            raise ArithmeticError(f"pivot {info}")
        l = np.tril(inverse(l, lower=1)[0])
        return l.T @ l

    def apply(d, x):
        unit, of = np.eye(len(x), dtype=x.dtype), x.dtype.type
        r = of(d["constant"]) * unit + of(d["slope"]) * x
        for s, coefficient in d["real"]:
            r = r + of(coefficient) * inverse(x + of(s) * unit)
        for u, v, p, q in d["pairs"]:
            a = inverse(x + of(u) * unit)
            b = inverse(x + of(u) * unit + of(v * v) * a)
            r = r + of(2 * p) * b + (of(2 * q * v) * (a @ b) if q else 0)
        return (r + r.T) / 2

    def inputs(f):
        i = np.arange(1, f + 1.0)
        spectra = {"1/i": 1 / i, "i^-1.5": i**-1.5, "rank f/2": np.where(i <= f // 2, 1 / i, 0)}
        spectra.update({f"geo 1e{k}": np.geomspace(1, 10.0**-k, f) for k in (2, 4, 6)})
        for spectrum in spectra.values():
            q = np.linalg.qr(random.standard_normal((f, f)))[0]
            yield (q * spectrum) @ q.T
        for b in (f // 2, 4 * f):
            z = random.standard_normal((b, f)) * np.linspace(1, 0.1, f)
            yield z.T @ z / b

    def function(s, g):
        values, vectors = np.linalg.eigh(s)
        return (vectors * g(np.maximum(values, 0))) @ vectors.T

    norm = np.linalg.norm
    unit = lambda s, kind: (s.astype(kind) / kind(norm(s.astype(kind).astype(float)))).astype(kind)
    designs, stages = read()
    pick = lambda kind, n, tolerance: next(d for d in designs if d["kind"] == kind and d["n"] == n and
                                           d["error"] + FACTOR * SINGLE * d["round_off"] <= tolerance)

    def one(d, s, kind):
        x, exact = unit(s, kind), s / norm(s)
        if d["kind"] != "newton_schulz_inverse":
            return norm(apply(d, x) - function(exact, lambda e: reference(d["kind"], d["n"], d["c"], e)), 2)
        square = unit(x @ x, kind)
        exact_b = function(unit(exact @ exact, float), lambda e: reference(d["kind"], d["n"], 0, e))
        b = apply(d, square)
        p, exact_p = b @ x / kind(norm(b.astype(float))), exact_b @ exact / norm(exact_b)
        return norm(p - exact_p, 2) / norm(exact_p, 2)

    def squared(first, second, s):
        half = apply(first, unit(s, np.float32))
        c = norm(half.astype(float))
        a = function(s / norm(s), lambda e: reference("newton_schulz", 7, 0, e))
        exact = math.sqrt(norm(a)) * function(a / norm(a), lambda e: reference("newton_schulz", 7, 0, e))
        return norm(math.sqrt(c) * apply(second, unit(half, np.float32)) - exact, 2)

    def in_two(s):
        x, none = unit(s, np.float32), {"slope": 0, "pairs": []}
        b = apply({"constant": stages[0][0], "real": stages[0][1], **none}, x)
        a = apply({"constant": sum(a for _, a in stages[0][1]), "slope": stages[0][0], "pairs": [],
                   "real": [(p, -p * a) for p, a in stages[0][1]]}, x)
        w = b @ a
        return norm(a @ apply({"constant": stages[1][0], "real": stages[1][1], **none}, (w + w.T) / 2)
                    - function(s / norm(s), np.sqrt), 2)

    every = {f: list(inputs(f)) for f in (64, 256, 512)}

    def line(name, error, stated, evaluate, noise=None):
        found = [max(evaluate(s) for s in every[f]) for f in every]
        extra = f" round-off factor {max(0, max(found) - error) / noise:4.1f}" if noise else ""
        print(f"{name:32} {stated} f = 64, 256, 512: " + " ".join(f"{each:.2e}" for each in found) + extra, flush=True)

    for d in designs:
        kind, step = (np.float32, SINGLE) if min(shifts(d)) >= LEAST_SHIFT * SINGLE and d["error"] > 1e-8 else \
            (np.float64, DOUBLE)
        line(f"{label(d)}, cost {cost(d):g}, {kind.__name__}", d["error"], f"{d['error']:.2e}",
             lambda s: one(d, s, kind), step * d["round_off"])
    for first, second in ((5e-4, 5e-4), (2e-5, 2e-5), (7e-6, 2e-5), (7e-6, 7e-6)):
        d, e = pick("newton_schulz", 7, first), pick("newton_schulz", 7, second)
        slope = 1.5**7 * d["error"] + e["error"]
        line(f"A_7(A_7), costs {cost(d):g} and {cost(e):g}", slope, f"{slope:.2e}", lambda s: squared(d, e, s))
    line("root in two stages", 0, "1.96e-04", in_two)
    return 0


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    try:
        import numpy  # noqa: F401
        import scipy  # noqa: F401
    except ImportError:
        print("SKIP: the designs need Python's numpy and scipy", flush=True)
        return 77
    if sys.argv[1:] == ["--matrices"]:
        return matrices()
    order = ["newton_schulz", "newton_schulz_inverse", "visser", "square_root"]
    designs = []
    for kind, n, c, real, pairs, options in recipes():
        designs.append(fit(kind, n, c, real, pairs, **options))
        d = designs[-1]
        print(f"{label(d):14} cost {cost(d):4g} error {d['error']:.3g} round-off {d['round_off']:g} "
              f"least shift {min(shifts(d)):.2g}", flush=True)
    write(sorted(designs, key=lambda d: (order.index(d["kind"]), d["n"], d["c"], cost(d))))
    return check()


if __name__ == "__main__":
    sys.exit(main())
