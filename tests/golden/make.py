#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden values for the tests, computed with 50 digits and written as text.

    python3 tests/golden/make.py            write the *.txt files beside this script
    python3 tests/golden/make.py --check    compare with the committed files, write nothing

Exit status: 0 written or equal, 1 different or failed, 77 skipped (no mpmath). The format and the
keys are in README.md. Inputs come from the generator below, are exact in float, and are stored.
What can be is checked in here by a second way (eigenvalues, central differences, unrolled sums).
"""
import struct
import sys
from pathlib import Path

try:
    import mpmath
    from mpmath import mp, mpf
except ImportError:
    print("SKIP: golden files NOT CHECKED: Python package mpmath is missing "
          "(Debian: python3-mpmath, pip: mpmath)", flush=True)
    sys.exit(77)

DIGITS = 50
mp.dps = DIGITS
HERE = Path(__file__).resolve().parent
FLOOR = mpf(10) ** -12  # of the squared norm, in the loss


# ---------------------------------------------------------------------------------- inputs

class Generator:
    """Knuth's 64-bit linear congruential generator; the same numbers everywhere, for ever."""

    def __init__(self, seed):
        self.state = seed
        for _ in range(4):
            self.below(2)

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n

    def bell(self, scale=111):
        """Integer, sum of four uniform ones: standard deviation about 1.15 * scale."""
        return sum(self.below(2 * scale + 1) - scale for _ in range(4))

    def matrix(self, rows, cols, scale=111, unit=7):
        """Entries are multiples of 2^-unit; the defaults have unit variance."""
        return [[mpf(self.bell(scale)) / 2**unit for _ in range(cols)] for _ in range(rows)]

    def views(self, b, f):
        """Online z1, z2 and targets t1, t2: four noisy readings of the same b samples."""
        base = self.matrix(b, f)
        return tuple(add(base, self.matrix(b, f, scale=40)) for _ in range(4))


def number(text):
    """A rational like '3/8' or the double nearest to a decimal like '0.3', exactly."""
    p, _, q = text.partition("/")
    return mpf(int(p)) / int(q) if q else mpf(float(text))


# ------------------------------------------------------------------- matrices: lists of rows

def shape(a):
    return len(a), len(a[0])


def transpose(a):
    return [list(c) for c in zip(*a)]


def matmul(a, b):
    cols = transpose(b)
    return [[mpmath.fdot(zip(r, c)) for c in cols] for r in a]


def scale(a, s):
    return [[s * x for x in r] for r in a]


def add(a, b):
    return [[x + y for x, y in zip(r, q)] for r, q in zip(a, b)]


def sub(a, b):
    return [[x - y for x, y in zip(r, q)] for r, q in zip(a, b)]


def identity(f):
    return [[mpf(i == j) for j in range(f)] for i in range(f)]


def zeros(rows, cols):
    return [[mpf(0)] * cols for _ in range(rows)]


def dot(x, y):
    return mpmath.fdot(zip(x, y))


def trace(a):
    return mpmath.fsum(a[i][i] for i in range(len(a)))


def frobenius(a):
    return mpmath.sqrt(mpmath.fsum(x * x for r in a for x in r))


def largest(a):
    return max(abs(x) for r in a for x in r)


def eigh(s):
    """Ascending eigenvalues and the eigenvectors as columns."""
    values, vectors = mp.eigsy(mpmath.matrix(s))
    order = sorted(range(len(s)), key=lambda i: values[i])
    return [values[i] for i in order], [[vectors[r, i] for i in order] for r in range(len(s))]


def spectral(a):
    return mpmath.sqrt(eigh(matmul(transpose(a), a))[0][-1])


def solve(a, b):
    """Gauss with row pivoting."""
    n = len(a)
    m = [ra[:] + rb[:] for ra, rb in zip(a, b)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        for r in range(i + 1, n):
            c = m[r][i] / m[i][i]
            m[r] = [x - c * y for x, y in zip(m[r], m[i])]
    for i in reversed(range(n)):
        m[i] = [x / m[i][i] for x in m[i]]
        for r in range(i):
            m[r] = [x - m[r][i] * y for x, y in zip(m[r], m[i])]
    return [r[n:] for r in m]


def check_close(a, b, tolerance, what):
    bound = mpf(tolerance) * max(largest(a), largest(b))
    if shape(a) != shape(b) or largest(sub(a, b)) > bound:
        raise AssertionError(f"{what}: two ways differ by {mpmath.nstr(largest(sub(a, b)), 3)}")


# --------------------------------------------------------------------------------- the files

class Topic:
    """One golden file: cases, each a list of named matrices."""

    def __init__(self, name, *comments):
        self.name = name
        self.lines = ["# SPDX-License-Identifier: MIT", "# written by make.py; do not edit"]
        self.lines += ["# " + c for c in comments]

    def case(self, name):
        self.lines += ["", "case " + name]
        return self

    def end(self):
        self.lines.append("end")

    def input(self, key, a):
        """Stores numbers that float and double read exactly."""
        for x in (x for r in a for x in r):
            if struct.unpack("f", struct.pack("f", float(x)))[0] != x:
                raise AssertionError(f"{self.name}: {key}: {x} is not exact in float")
        return self.store(key, a)

    def put(self, key, a, by_row=False):
        """Stores a result. What is zero up to the last of 50 digits is written as 0: relative to the
        whole matrix, or by_row, where rows differ in scale, to its row."""
        tiny, whole, out = mpf("1e-38"), largest(a), []
        for r in a:
            noise = max(max(map(abs, r)) * tiny, mpf("1e-42")) if by_row else whole * tiny
            out.append([x if abs(x) > noise else mpf(0) for x in r])
        return self.store(key, out)

    def store(self, key, a):
        self.lines.append(f"{key} {len(a)} {len(a[0])}")
        self.lines += [" ".join(map(text, r)) for r in a]
        return self

    def scalar(self, key, x):
        return self.put(key, [[mpf(x)]])

    def row(self, key, xs):
        return self.put(key, [[mpf(x) for x in xs]])

    def content(self):
        return ("\n".join(self.lines) + "\n").encode("ascii")


def text(x):
    """Shortest decimal that a double reads back without a change (at most 17 digits)."""
    with mp.workprec(53):
        d = float(+x)
    s = repr(d)
    return s[:-2] if s.endswith(".0") else s


# ---------------------------------------------------------------------------- the method itself

def covariance(*views):
    """S = (1/rows) sum of z^T z over the rows of all views."""
    rows = [r for z in views for r in z]
    return scale(matmul(transpose(rows), rows), mpf(1) / len(rows))


def cross(*pairs):
    """X = (1/rows) sum of z^T t over the rows of all pairs."""
    z = [r for p in pairs for r in p[0]]
    t = [r for p in pairs for r in p[1]]
    return scale(matmul(transpose(z), t), mpf(1) / len(z))


def weighted(z1, z2, t1, t2, w):
    """S and X with row weights: sums over i of w_i (...) / (2 sum w)."""
    f = len(z1[0])
    s, x = zeros(f, f), zeros(f, f)
    for a1, a2, b1, b2, wi in zip(z1, z2, t1, t2, w):
        for i in range(f):
            for j in range(f):
                s[i][j] += wi * (a1[i] * a1[j] + a2[i] * a2[j])
                x[i][j] += wi * (a1[i] * b2[j] + a2[i] * b1[j])
    total = mpf(1) / (2 * mpmath.fsum(w))
    return scale(s, total), scale(x, total)


def newton_schulz(s, counts):
    """Coupled recursion (Prop. 6 of arXiv:2302.04817); P after each number of iterations in counts."""
    f, norm = len(s), frobenius(s)
    if norm == 0:
        return {n: zeros(f, f) for n in counts}
    a, b, out = scale(s, 1 / norm), identity(f), {}
    for n in range(max(counts) + 1):
        if n in counts:
            out[n] = scale(a, mpmath.sqrt(norm))
        m = matmul(b, a)
        h = scale(sub(scale(identity(f), mpf(3)), m), mpf(1) / 2)
        a, b = matmul(a, h), matmul(h, b)
    # second way: the same recursion on the eigenvalues
    values, v = eigh(s)
    for n in counts:
        curve = []
        for x in values:
            p, q = x / norm, mpf(1)
            for _ in range(n):
                t = (3 - q * p) / 2
                p, q = p * t, t * q
            curve.append(p * mpmath.sqrt(norm))
        check_close(out[n], matmul([[c * d for c, d in zip(r, curve)] for r in v], transpose(v)),
                    "1e-38", f"newton_schulz n = {n}")
    return out


def linear_regression(s, x, damping):
    f = len(s)
    damped = add(s, scale(identity(f), damping * trace(s) / f))
    p = solve(damped, x)
    check_close(matmul(damped, p), x, "1e-38", "linear_regression")
    return p


def clean(values):
    """Eigenvalues that are zero but for the last digits are 0: a root would make 25 digits of them."""
    return [x if abs(x) > max(map(abs, values)) * mpf("1e-40") else mpf(0) for x in values]


def of_spectrum(s, function):
    """V function(values) V^T of a symmetric s = V diag(values) V^T."""
    values, v = eigh(s)
    return matmul([[c * d for c, d in zip(r, function(clean(values)))] for r in v], transpose(v))


def staged(s, n, stages):
    """Newton-Schulz applied to the result of Newton-Schulz, stages times."""
    p = s
    for _ in range(stages):
        p = newton_schulz(p, (n,))[n]

    def scalar(values):  # second way: with the norms that the stages see
        for _ in range(stages):
            norm = mpmath.sqrt(mpmath.fsum(x * x for x in values))
            curve = []
            for x in values:
                a, b = x / norm if norm else mpf(0), mpf(1)
                for _ in range(n):
                    t = (3 - b * a) / 2
                    a, b = a * t, t * b
                curve.append(a * mpmath.sqrt(norm))
            values = curve
        return values
    check_close(p, of_spectrum(s, scalar), "1e-36", f"{stages} stages of {n}")
    return p


def visser(s, n, c, eta=None):
    """The literal recursion (Prop. 5); eta = c / sqrt(||S||_F) unless it is given."""
    f, norm = len(s), frobenius(s)
    if norm == 0:
        return zeros(f, f)
    eta = eta or c / mpmath.sqrt(norm)
    if eta * mpmath.sqrt(eigh(s)[0][-1]) >= 1:
        raise AssertionError("visser: diverges")
    p = scale(identity(f), 1 / (2 * eta))
    for _ in range(n):
        p = add(p, scale(sub(s, matmul(p, p)), eta))

    def scalar(values):  # second way: Y = I - 2 eta P, so that Y <- Y^2 / 2 + (1 - 4 eta^2 S) / 2
        curve = []
        for x in values:
            y = mpf(0)
            for _ in range(n):
                y = (y * y + 1 - 4 * eta**2 * x) / 2
            curve.append((1 - y) / (2 * eta))
        return curve
    check_close(p, of_spectrum(s, scalar), "1e-40", f"visser n = {n}")
    return p


def stiefel(s, n):
    """B_n of Newton-Schulz on S^T S, times S^T, over ||B_n||_F (Prop. 8)."""
    f = len(s)
    square = matmul(transpose(s), s)
    norm = frobenius(square)
    a, b = scale(square, 1 / norm if norm else mpf(1)), identity(f)
    for _ in range(n):
        h = scale(sub(scale(identity(f), mpf(3)), matmul(b, a)), mpf(1) / 2)
        a, b = matmul(a, h), matmul(h, b)
    p = scale(matmul(b, transpose(s)), 1 / frobenius(b))

    def scalar(values):  # second way: B is a product of the factors (3 - a) / 2, where a <- a (3 - a)^2 / 4
        factors = []
        for x in values:
            y, q = x * x / norm if norm else mpf(0), mpf(1)
            for _ in range(n):
                q, y = q * (3 - y) / 2, y * ((3 - y) / 2) ** 2
            factors.append(q)
        size = mpmath.sqrt(mpmath.fsum(q * q for q in factors))
        return [x * q / size for x, q in zip(values, factors)]
    check_close(p, of_spectrum(s, scalar), "1e-36", f"stiefel n = {n}")
    return p


def direct_pred(s, exponent, relative, eps, floor):
    """U max(l^exponent + eps, floor) U^T, l relative to the largest or not."""
    top = clean(eigh(s)[0])[-1]
    unit = 1 / top if relative and top > 0 else mpf(1)

    def power(values):
        return [(max(x, mpf(0)) * unit) ** exponent if x > 0 else mpf(0) for x in values]
    base = of_spectrum(s, power)
    p = of_spectrum(s, lambda values: [max(x + eps, floor) for x in power(values)])
    # second way: base^(1/exponent) is S, or base is S^exponent; P is base + eps I but where it is floor I
    root, whole = base, scale(s, unit)
    for _ in range(int(1 / exponent) - 1):
        root = matmul(root, base)
    for _ in range(int(exponent) - 1):
        whole = matmul(whole, scale(s, unit))
    check_close(root, whole, "1e-36", "direct_pred")
    f = len(s)
    above = sub(p, scale(identity(f), floor))
    rest = matmul(above, sub(p, add(base, scale(identity(f), eps))))
    if largest(rest) > mpf("1e-36") * max(largest(p) ** 2, floor**2) or eigh(above)[0][0] < -mpf("1e-36") * largest(p):
        raise AssertionError("direct_pred: neither power nor floor")
    return p


def neumann(s, x, factor):
    """2 sX - (sS)(sX): the first two terms of (sS)^-1 sX about I (Prop. 3)."""
    s, x = scale(s, factor), scale(x, factor)
    p = sub(scale(x, mpf(2)), matmul(s, x))
    check_close(p, matmul(of_spectrum(s, lambda values: [2 - v for v in values]), x), "1e-44", "neumann")
    return p


def unit_rows(a):
    """z / |z|; a zero row stays zero."""
    return [[x / mpmath.sqrt(dot(r, r)) for x in r] if dot(r, r) else r[:] for r in a]


def centred(*views):
    """About the mean of the rows of all of these views together."""
    rows = [r for z in views for r in z]
    mean = [mpmath.fsum(c) / len(rows) for c in transpose(rows)]
    return [[[x - m for x, m in zip(r, mean)] for r in z] for z in views]


RESCALE = {"none": lambda p: mpf(1), "spectral": spectral, "frobenius": frobenius}


class Pipeline:
    """P(batch) -> EMA -> debias -> rescale -> + alpha I, refreshed at steps 0, k, 2k, ..."""

    def __init__(self, rule, alpha, rescale="none", every=1):
        self.rule, self.alpha, self.rescale, self.every = rule, alpha, rescale, every
        self.step, self.product, self.bar, self.applied, self.history = 0, mpf(1), None, None, []

    def __call__(self, s, x, rho):
        if self.step % self.every == 0:
            p = self.rule(s, x)
            f = len(p)
            self.history.append((rho, p))
            self.bar = add(scale(self.bar or zeros(f, f), rho), scale(p, 1 - rho))
            self.product *= rho
            p = scale(self.bar, 1 / (1 - self.product))
            # second way: the weighted mean that the recursion unrolls to
            mean, weights = zeros(f, f), mpf(0)
            for j, (r, q) in enumerate(self.history):
                w = (1 - r) * mpmath.fprod(r2 for r2, _ in self.history[j + 1:])
                mean, weights = add(mean, scale(q, w)), weights + w
            check_close(p, scale(mean, 1 / weights), "1e-44", "EMA of P")
            norm = RESCALE[self.rescale](p)
            self.applied = add(scale(p, 1 / norm if norm else mpf(1)), scale(identity(f), self.alpha))
        self.step += 1
        return self.applied


def unit(x):
    return [v / mpmath.sqrt(max(dot(x, x), FLOOR)) for v in x]


def row_value(q, t, normalised):
    u, v = (unit(q), unit(t)) if normalised else (q, t)
    return mpmath.fsum((a - b) ** 2 for a, b in zip(u, v))


def row_gradient(q, t, normalised):
    if not normalised:
        return [2 * (a - b) for a, b in zip(q, t)]
    u, v, r2 = unit(q), unit(t), dot(q, q)
    if r2 <= FLOOR:
        return [2 * (a - b) / mpmath.sqrt(FLOOR) for a, b in zip(u, v)]
    c = dot(u, v)
    return [-2 * (b - c * a) / mpmath.sqrt(r2) for a, b in zip(u, v)]


def direction_loss(p, z, t, normalised=True):
    return mpmath.fsum(row_value(q, r, normalised) for q, r in zip(matmul(z, p), t)) / len(z)


def direction_gradients(p, z, t, normalised=True):
    """dL/dZ and dL/dP of the mean over rows, P being an independent variable."""
    dq = [[g / len(z) for g in row_gradient(q, r, normalised)] for q, r in zip(matmul(z, p), t)]
    return matmul(dq, transpose(p)), matmul(transpose(z), dq)


def check_gradient(gradient, a, function, what):
    """Central differences with 110 digits, against each entry."""
    with mp.workdps(110):
        for i, r in enumerate(a):
            size = max(max(map(abs, r)), mpf("1e-7"))
            for j, x in enumerate(r):
                h = size * mpf("1e-27")
                r[j] = x + h
                up = function()
                r[j] = x - h
                difference = (up - function()) / (2 * h)
                r[j] = x
                bound = mpf("1e-32") * max(max(map(abs, gradient[i])), 1 / size)
                if abs(difference - gradient[i][j]) > bound:
                    raise AssertionError(f"{what}[{i}][{j}]: "
                                         f"exact {gradient[i][j]}, differences {difference}")


# ---------------------------------------------------------------------------------- the topics

HADAMARD4 = [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]
HADAMARD8 = [r + [s * x for x in r] for s in (1, -1) for r in HADAMARD4]


def ill_conditioned(seed, b):
    """b x 8 latents whose covariance has eigenvalues from about 1e-6 to 1 of the largest, none of them
    along a coordinate axis. 7 + 10 + 3 bits, so exact in float."""
    g = Generator(seed).matrix(b, 8, scale=12, unit=4)
    powers = (0, 1, 3, 4, 6, 7, 9, 10)
    return matmul([[x / 2**k for x, k in zip(r, powers)] for r in g], HADAMARD8)


def topic_newton_schulz():
    topic = Topic("newton_schulz", "S = z^T z / b; P_<n> after n iterations",
                  "residual: ||P^2 - S||_F / ||S||_F for each n, 0 below 1e-36",
                  "root: the exact square root, where it is known; condition: smallest / largest eigenvalue")
    every = (0, 1, 2, 5, 9, 15)
    diagonal = [[mpf(x) / 2**k for k, x in enumerate(r)] for r in HADAMARD4]
    small = Generator(16).matrix(9, 4)
    deficient = Generator(13).matrix(10, 5)
    cases = [
        ("well_conditioned", Generator(10).matrix(24, 6), every),
        ("well_conditioned_16", Generator(11).matrix(24, 16), (9,)),
        ("ill_conditioned", ill_conditioned(12, 24), every),
        ("rank_deficient_b_below_f", Generator(14).matrix(4, 8), every),
        ("rank_deficient_columns", [[r[0], r[1], mpf(0), r[2], r[0], r[1] - r[2]] for r in deficient], every),
        ("rank_one", [[mpf(k) / 4 * x for x in (1, -2, 3)] for k in (1, 3, -2, 5)], every),
        ("one_by_one", Generator(15).matrix(6, 1), every),
        ("odd_7", Generator(17).matrix(20, 7), every),
        ("diagonal", diagonal, every),
        ("identity", scale(HADAMARD4, mpf(1)), every),
        ("zero", zeros(5, 4), every),
        ("scale_up_100", scale(small, mpf(2) ** 100), (9,)),
        ("scale_none", small, (9,)),
        ("scale_down_100", scale(small, mpf(2) ** -100), (9,)),
    ]
    for name, z, counts in cases:
        s = covariance(z)
        p = newton_schulz(s, counts)
        norm = frobenius(s)
        topic.case(name).input("z", z).put("S", s)
        values = eigh(s)[0]
        if name in ("well_conditioned", "well_conditioned_16", "ill_conditioned"):
            topic.scalar("condition", values[0] / values[-1])
        topic.row("n", counts)
        residual = [frobenius(sub(matmul(p[n], p[n]), s)) / norm if norm else mpf(0) for n in counts]
        topic.row("residual", [r if r > mpf("1e-36") else 0 for r in residual])
        for n in counts:
            topic.put(f"P_{n}", p[n])
        if name == "diagonal":
            root = [[diagonal[0][i] if i == j else mpf(0) for j in range(4)] for i in range(4)]
            check_close(matmul(root, root), s, 0, "root")
            topic.put("root", root)
        elif name == "identity":
            topic.put("root", identity(4))
        elif name == "rank_one":  # S = c v v^T, so its root is sqrt(c) v v^T / |v|
            topic.put("root", scale(s, 1 / mpmath.sqrt(trace(s))))
        elif name == "one_by_one":
            topic.put("root", [[mpmath.sqrt(s[0][0])]])
        topic.end()
    return topic


def topic_linear_regression():
    topic = Topic("linear_regression", "P = (S + damping trace(S)/f I)^-1 X",
                  "one view: S = z^T z / b, X = z^T t / b",
                  "two views: S = (z1^T z1 + z2^T z2) / (2b), X = (z1^T t2 + z2^T t1) / (2b)")
    ill = ill_conditioned(22, 24)
    ill_target = add(ill, Generator(23).matrix(24, 8, scale=8, unit=4))
    well = Generator(20).views(14, 5)
    few = Generator(21).views(4, 7)
    few_two = Generator(24).views(4, 6)
    one = Generator(25).views(5, 1)
    cases = [("well_conditioned", well[0], well[3], "0"),
             ("well_conditioned_damped", well[0], well[3], "0.001"),
             ("ill_conditioned", ill, ill_target, "0"), ("ill_conditioned_damped", ill, ill_target, "0.001"),
             ("b_equals_f", well[0][:5], well[3][:5], "0"), ("b_below_f_damped", few[0], few[3], "0.001"),
             ("one_by_one", one[0], one[3], "0")]
    for name, z, t, damping in cases:
        s, x, d = covariance(z), cross((z, t)), number(damping)
        topic.case(name).input("z", z).input("t", t).scalar("damping", d).put("S", s).put("X", x)
        if name.startswith(("well", "ill")):
            values = eigh(s)[0]
            topic.scalar("condition", values[0] / values[-1])
        topic.put("P", linear_regression(s, x, d)).end()
    cases = [("two_views", well, "0"), ("two_views_damped", well, "0.001"),
             ("two_views_b_below_f", few_two, "0"), ("two_views_b_below_f_damped", few_two, "0.001")]
    for name, views, damping in cases:
        z1, z2, t1, t2 = views
        s, x, d = covariance(z1, z2), cross((z1, t2), (z2, t1)), number(damping)
        put_views(topic.case(name), views).scalar("damping", d).put("S", s).put("X", x)
        topic.put("P", linear_regression(s, x, d)).end()
    return topic


def put_views(topic, views, suffix=""):
    for key, a in zip(("z1", "z2", "t1", "t2"), views):
        topic.input(key + suffix, a)
    return topic


def spectra(seed):
    """Latents whose covariances are what a spectral rule may meet."""
    small = Generator(seed).matrix(9, 4)
    return [
        ("well_conditioned", Generator(seed + 1).matrix(24, 6)),
        ("ill_conditioned", ill_conditioned(seed + 2, 24)),
        ("rank_deficient_b_below_f", Generator(seed + 3).matrix(3, 7)),
        ("rank_one", [[mpf(k) / 4 * x for x in (1, -2, 3)] for k in (1, 3, -2, 5)]),
        ("one_by_one", Generator(seed + 4).matrix(6, 1)),
        ("odd_9", Generator(seed + 5).matrix(20, 9)),
        ("identity", scale(HADAMARD4, mpf(1))),
        ("zero", zeros(5, 4)),
        ("scale_up_100", scale(small, mpf(2) ** 100)),
        ("scale_none", small),
        ("scale_down_100", scale(small, mpf(2) ** -100)),
    ]


def relative_residual(p, power, s):
    q = p
    for _ in range(power - 1):
        q = matmul(q, p)
    norm = frobenius(s)
    r = frobenius(sub(q, s)) / norm if norm else mpf(0)
    return r if r > mpf("1e-36") else mpf(0)


def topic_newton_schulz_stages():
    topic = Topic("newton_schulz_stages", "S = z^T z / b; P_<k> after stages runs of n iterations, each on the last P",
                  "residual: ||P^(2^stages) - S||_F / ||S||_F for each k, 0 below 1e-36")
    for name, z in spectra(200):
        runs = [(7, 2), (9, 2), (1, 2)] if not name.startswith("scale") else [(7, 2)]
        runs += [(5, 3)] if name == "well_conditioned" else []
        s = covariance(z)
        p = [staged(s, n, stages) for n, stages in runs]
        topic.case(name).input("z", z).row("n", [r[0] for r in runs]).row("stages", [r[1] for r in runs])
        topic.row("residual", [relative_residual(q, 2**r[1], s) for q, r in zip(p, runs)])
        for k, q in enumerate(p):
            topic.put(f"P_{k}", q)
        topic.end()
    return topic


def topic_visser():
    topic = Topic("visser", "S = z^T z / b; P_0 = I / (2 eta), P <- P + eta (S - P^2); P_<k> after n[k] of them",
                  "eta: 0 where it is c / sqrt(||S||_F); residual: ||P^2 - S||_F / ||S||_F for each k",
                  "bound: 1 / sqrt(largest eigenvalue); eta below it converges")
    half, tenth, none = mpf(1) / 2, number("0.1"), mpf(0)
    for name, z in spectra(220) + [("well_conditioned_16", Generator(230).matrix(24, 16))]:
        s = covariance(z)
        top = eigh(s)[0][-1]
        runs = [(50, half, none)]
        if not name.startswith("scale") and not name.endswith("16"):
            runs += [(5, tenth, none)]
        if name in ("well_conditioned", "ill_conditioned"):
            runs += [(0, half, none), (1, half, none), (5, half, none), (50, tenth, none)]
        if top > 0 and not name.startswith("scale") and not name.endswith("16"):
            eta = mpf(int(mpf("0.95") / mpmath.sqrt(top) * 1024)) / 1024
            runs += [(n, half, eta) for n in ((1, 50) if name == "odd_9" else (50,))]
        p = [visser(s, n, c, eta) for n, c, eta in runs]
        topic.case(name).input("z", z)
        for i, key in enumerate(("n", "c", "eta")):
            topic.row(key, [r[i] for r in runs])
        if top > 0:
            topic.scalar("bound", 1 / mpmath.sqrt(top))
        topic.row("residual", [relative_residual(q, 2, s) for q in p])
        for k, q in enumerate(p):
            topic.put(f"P_{k}", q)
        topic.end()
    return topic


def topic_stiefel():
    topic = Topic("stiefel", "S = z^T z / b; P_<n> = B_n S^T / ||B_n||_F, B_n of Newton-Schulz on S^T S",
                  "limit: I / ||S^-1||_F, for S that have an inverse")
    for name, z in spectra(240):
        s = covariance(z)
        topic.case(name).input("z", z).row("n", (1, 5, 9) if not name.startswith("scale") else (9,))
        for n in (1, 5, 9) if not name.startswith("scale") else (9,):
            topic.put(f"P_{n}", stiefel(s, n))
        if name in ("well_conditioned", "one_by_one", "identity"):
            f = len(s)
            limit = scale(identity(f), 1 / frobenius(solve(s, identity(f))))
            # the distance from the limit falls like the iteration converges: quadratically, once begun
            check_close(stiefel(s, 40), limit, "1e-20", "limit of stiefel")
            topic.put("limit", limit)
        topic.end()
    return topic


def topic_direct_pred():
    topic = Topic("direct_pred", "S = z^T z / b; P_<k> = U max(l^exponent + eps, floor) U^T, S = U diag(l) U^T;",
                  "relative 1: l is divided by the largest", "condition: smallest / largest eigenvalue, 0 below 1e-40")
    zero = mpf(0)
    published = (mpf(1) / 2, 1, number("0.01"), number("0.0001"))
    every = [(mpf(1) / 2, 0, zero, zero), (mpf(1) / 4, 0, zero, zero), (mpf(1), 0, zero, zero), (mpf(2), 0, zero, zero),
             (mpf(1) / 2, 1, zero, zero), published, (mpf(1) / 2, 0, number("0.1"), zero),
             (mpf(1) / 2, 1, number("0.01"), number("0.3")), (mpf(1), 1, zero, number("0.2"))]
    for name, z in spectra(260):
        s = covariance(z)
        values = clean(eigh(s)[0])
        runs = every if name in ("well_conditioned", "rank_deficient_b_below_f") else every[:2] + every[5:8]
        if name.startswith("scale"):
            runs = [every[0], every[1], published]
        topic.case(name).input("z", z).scalar("condition", values[0] / values[-1] if values[-1] else 0)
        for i, key in enumerate(("exponent", "relative", "eps", "floor")):
            topic.row(key, [r[i] for r in runs])
        for k, run in enumerate(runs):
            topic.put(f"P_{k}", direct_pred(s, *run))
        topic.end()
    return topic


def topic_neumann():
    topic = Topic("neumann", "P_<k> = 2 sX - (sS)(sX), S and X over both views;",
                  "scale 0: s = 2b (sums over the rows), 1: s = 1 (means), 2: s = 1 / ||S||_F",
                  "normalised 1: S and X of z/|z| and t/|t|, where zero rows stay zero",
                  "largest: the largest eigenvalue of sS for each k; from 2 on, the expansion turns negative")
    rows = Generator(284).views(8, 4)
    for z, i in ((rows[0], 2), (rows[1], 5), (rows[2], 5), (rows[3], 0)):
        z[i] = [mpf(0)] * 4
    wide = [powers_of_two(v, [mpf(3 * i - 12) for i in range(8)]) for v in Generator(285).views(8, 4)]
    small = Generator(288).views(7, 3)
    cases = [("well_conditioned", Generator(280).views(14, 5)),
             ("ill_conditioned", tuple([ill_conditioned(281, 12)] + [add(ill_conditioned(281, 12),
              Generator(289 + k).matrix(12, 8, scale=3, unit=12)) for k in range(3)])),
             ("b_below_f", Generator(282).views(3, 7)), ("one_by_one", Generator(283).views(5, 1)),
             ("zero_rows", rows), ("rows_of_many_scales", wide), ("odd_9", Generator(286).views(11, 9)),
             ("zero", tuple([zeros(4, 3)] * 2 + [Generator(287).matrix(4, 3)] * 2)),
             ("scale_up_100", tuple(scale(v, mpf(2) ** 100) for v in small)), ("scale_none", small),
             ("scale_down_100", tuple(scale(v, mpf(2) ** -100) for v in small))]
    for name, views in cases:
        put_views(topic.case(name), views)
        every = [(1, 1), (0, 1), (2, 1), (1, 0), (0, 0), (2, 0)]
        if name.startswith(("scale_up", "scale_down")):  # others leave the range of float, or are zero in it
            every = [(1, 1), (2, 1), (2, 0)]
        topic.row("scale", [e[0] for e in every]).row("normalised", [e[1] for e in every])
        p, top = [], []
        for kind, normalised in every:
            z1, z2, t1, t2 = (unit_rows(v) for v in views) if normalised else views
            s, x = covariance(z1, z2), cross((z1, t2), (z2, t1))
            norm = frobenius(s)
            factor = (mpf(2 * len(z1)), mpf(1), 1 / norm if norm else mpf(0))[kind]
            p.append(neumann(s, x, factor))
            top.append(factor * eigh(s)[0][-1])
        topic.row("largest", top)
        for k, q in enumerate(p):
            topic.put(f"P_{k}", q)
        topic.end()
    return topic


def topic_direct_copy():
    topic = Topic("direct_copy", "P = S; one view: S = z^T z / b; two views: S = (z1^T z1 + z2^T z2) / (2b)")
    for name, z in (("one_view", Generator(30).matrix(10, 5)), ("b_below_f", Generator(31).matrix(3, 7)),
                    ("one_by_one", Generator(33).matrix(4, 1)), ("zero", zeros(3, 3))):
        topic.case(name).input("z", z).put("P", covariance(z)).end()
    z1, z2, _, _ = Generator(32).views(9, 5)
    topic.case("two_views").input("z1", z1).input("z2", z2).put("P", covariance(z1, z2)).end()
    return topic


def topic_statistics():
    topic = Topic("statistics",
                  "S = sum_i w_i (z1_i z1_i^T + z2_i z2_i^T) / (2 sum w); no w: all 1",
                  "X = sum_i w_i (z1_i t2_i^T + z2_i t1_i^T) / (2 sum w)",
                  "blocks: rows of each micro-batch; S_<k>, X_<k>: after blocks 0 to k; S, X: after all",
                  "options: rows over their norm (zero rows stay zero), about the mean of both views, or both;",
                  "weighted: sums and means with w",
                  "per_direction: S1, X1 of z1 and t2, S2, X2 of z2 and t1")
    b, f = 24, 4
    z1, z2, t1, t2 = views = Generator(40).views(b, f)
    blocks = (7, 1, 12, 4)
    gen = Generator(41)
    some = [mpf(gen.below(33)) / 8 for _ in range(b)]
    some[3] = some[20] = mpf(0)
    first = [mpf(0) if i < 7 else mpf(1) / 4 for i in range(b)]  # the whole first micro-batch weighs nothing
    topic.case("one_view").input("z", z1).input("t", t2)
    topic.put("S", covariance(z1)).put("X", cross((z1, t2))).end()
    for name, w in (("two_views", None), ("two_views_weighted", some),
                    ("two_views_empty_first_block", first)):
        put_views(topic.case(name), views)
        if w:
            topic.input("w", [[x] for x in w])
        w = w or [mpf(1)] * b
        topic.row("blocks", blocks)
        done = 0
        for k, n in enumerate(blocks):
            done += n
            if mpmath.fsum(w[:done]) > 0:
                s, x = weighted(*(v[:done] for v in views), w[:done])
                if done < b:
                    topic.put(f"S_{k}", s).put(f"X_{k}", x)
        if name == "two_views":
            check_close(s, covariance(z1, z2), "1e-46", "S")
            check_close(x, cross((z1, t2), (z2, t1)), "1e-46", "X")
        topic.put("S", s).put("X", x).end()
    offset = tuple([[x + mpf(k) for k, x in zip((3, -1, 0, 2), r)] for r in v[:9]] for v in views)
    offset[0][4], offset[3][6] = [mpf(0)] * f, [mpf(0)] * f
    weights = some[:9]
    put_views(topic.case("options"), offset).input("w", [[w] for w in weights])
    for name, unit, centre, weighing in (("normalised", 1, 0, 0), ("centred", 0, 1, 0), ("both", 1, 1, 0),
                                         ("weighted_centred", 0, 1, 1), ("weighted_both", 1, 1, 1)):
        u1, u2, v1, v2 = (unit_rows(v) for v in offset) if unit else offset
        w = weights if weighing else [mpf(1)] * 9
        s, x = weighted(u1, u2, v1, v2, w)
        if centre:
            both = w + w
            mu = [mpmath.fdot(zip(both, c)) / sum(both) for c in transpose(u1 + u2)]
            nu = [mpmath.fdot(zip(both, c)) / sum(both) for c in transpose(v2 + v1)]
            s = sub(s, [[a * c for c in mu] for a in mu])
            x = sub(x, [[a * c for c in nu] for a in mu])
            if not weighing:  # second way: what is centred first
                (c1, c2), (d1, d2) = centred(u1, u2), centred(v1, v2)
                check_close(s, covariance(c1, c2), "1e-44", "centred S")
                check_close(x, cross((c1, d2), (c2, d1)), "1e-44", "centred X")
        topic.put("S_" + name, s).put("X_" + name, x)
    topic.end()
    put_views(topic.case("per_direction"), views)
    topic.put("S1", covariance(z1)).put("X1", cross((z1, t2)))
    topic.put("S2", covariance(z2)).put("X2", cross((z2, t1))).end()
    return topic


RULES = {
    "newton_schulz": lambda s, x: newton_schulz(s, (9,))[9],
    "direct_copy": lambda s, x: s,
    "linear_regression": lambda s, x: linear_regression(s, x, mpf(0)),
    "neumann": lambda s, x: neumann(s, x, mpf(1)),
    "visser": lambda s, x: visser(s, 50, mpf(1) / 2),
    "newton_schulz_2": lambda s, x: staged(s, 7, 2),
    "stiefel": lambda s, x: stiefel(s, 9),
    "direct_pred": lambda s, x: direct_pred(s, mpf(1) / 2, 0, mpf(0), mpf(0)),
    "direct_pred_published": lambda s, x: direct_pred(s, mpf(1) / 2, 1, number("0.01"), number("0.0001")),
}


def topic_pipeline():
    topic = Topic("pipeline",
                  "a step k that is a multiple of update_every refreshes P, any other holds applied:",
                  "P_bar <- rho P_bar + (1 - rho) P(batch), P = P_bar / (1 - prod rho),",
                  "divided by its rescale norm (0 none, 1 spectral, 2 frobenius; P = 0 stays 0),",
                  "applied_<k> = P + alpha I; S and X over both views; rho is 1 x steps",
                  "rule 0 newton_schulz n = 9, 1 direct_copy, 2 linear_regression damping 0",
                  "latents in case 'batches', or in 'zero_batches' where zero is 1")
    b, f, steps = 8, 5, 5
    batches = [Generator(50 + k).views(b, f) for k in range(steps)]
    batches[1] = tuple(scale(v, mpf(1) / 4) for v in batches[1])
    batches[3] = tuple(scale(v, mpf(3)) for v in batches[3])
    topic.case("batches")
    for k, views in enumerate(batches):
        put_views(topic, views, f"_{k}")
    topic.end()
    topic.case("zero_batches")
    for k in range(2):
        put_views(topic, [zeros(b, f)] * 4, f"_{k}")
    topic.end()
    half = ["0.75"] * steps
    cases = [(rule, rescale, every, half, "0.25") for rule in ("newton_schulz", "direct_copy")
             for rescale in RESCALE for every in (1, 2)]
    cases += [("linear_regression", r, 1, half, "0.25") for r in ("none", "spectral")]
    cases += [("newton_schulz", "none", 1, ["0"] * steps, "0.25"), ("newton_schulz", "none", 3, half, "0.25"),
              ("newton_schulz", "none", 1, ["0.99"] * steps, "0.3"),
              ("newton_schulz", "none", 1, ["0.5", "0.75", "0.875", "0.9375", "0.96875"], "0")]
    names = ["rho_zero", "every_3", "rho_default", "rho_scheduled"]
    for i, (rule, rescale, every, rho, alpha) in enumerate(cases):
        name = f"{rule}_{rescale}_every_{every}" if i < 14 else f"{rule}_{names[i - 14]}"
        run_pipeline(topic, name, rule, rescale, every, rho, alpha, batches, 0)
    for rescale in ("none", "spectral"):
        run_pipeline(topic, f"zero_{rescale}", "newton_schulz", rescale, 1, ["0.75"] * 2, "0.25",
                     [[zeros(b, f)] * 4] * 2, 1)
    return topic


def run_pipeline(topic, name, rule, rescale, every, rho, alpha, batches, zero):
    rho = [number(r) for r in rho]
    topic.case(name).scalar("zero", zero).scalar("rule", list(RULES).index(rule))
    topic.scalar("rescale", list(RESCALE).index(rescale)).scalar("update_every", every)
    topic.scalar("alpha", number(alpha)).row("rho", rho)
    pipeline = Pipeline(RULES[rule], number(alpha), rescale, every)
    for k, (z1, z2, t1, t2) in enumerate(batches):
        topic.put(f"applied_{k}", pipeline(covariance(z1, z2), cross((z1, t2), (z2, t1)), rho[k]))
    topic.end()


def powers_of_two(a, exponents):
    """Row i times 2^exponents[i], or times 0 where that is None."""
    factors = [mpf(0) if k is None else mpf(2) ** k for k in exponents]
    return [[x * s for x in r] for r, s in zip(a, factors)]


def edge_rows():
    """Latents and targets with rows that are zero, under the floor, tiny or huge."""
    gen = Generator(61)
    z = powers_of_two(gen.matrix(11, 4), (None, 0, -22, -40, -15, 40, None, 0, 0, -23, 0))
    t = powers_of_two(gen.matrix(11, 4), (0, None, 0, 0, 0, 0, None, -24, 40, -25, 0))
    return z, t


def topic_loss():
    topic = Topic("loss", "z1 P against t2, z2 P against t1; directions: the two means over rows",
                  "loss: their sum; dz1, dz2, dP: its gradients, P being an independent variable",
                  "normalised 1: |u - v|^2, u = q rsqrt(max(|q|^2, 1e-12)), v from t likewise; 0: |q - t|^2")
    p = add(Generator(60).matrix(4, 4, scale=50), scale(identity(4), mpf(3) / 4))
    regular = Generator(62).views(7, 5)
    p5 = add(Generator(63).matrix(5, 5, scale=50), identity(5))
    z, t = edge_rows()
    other = Generator(64).views(11, 4)
    edges = (z, other[1], other[2], t)  # z1 -> t2 has the edge rows
    back = (other[0], z, t, other[3])   # z2 -> t1 has them
    v = Generator(65).matrix(4, 4)
    side = [[-r[1], r[0], -r[3], r[2]] for r in v]
    aligned = (v, v, [scale([v[0]], mpf(2))[0], v[1], scale([v[2]], mpf(-1))[0], side[3]],
               [v[0], scale([v[1]], mpf(-4))[0], side[2], v[3]])
    wide = powers_of_two(Generator(66).matrix(6, 4), (100, 70, 0, -30, -70, -100))
    wide_t = powers_of_two(Generator(67).matrix(6, 4), (0, -30, 100, 70, -100, 0))
    six = Generator(68).views(6, 4)
    one = Generator(69).views(3, 1)
    single = tuple(x[:1] for x in regular)
    minus = [[mpf(-3) / 2]]
    cases = [("normalised_regular", 1, p5, regular),
             ("normalised_one_row", 1, p5, single),
             ("normalised_edges_1", 1, p, edges),
             ("normalised_edges_2", 1, p, back),
             ("normalised_aligned", 1, identity(4), aligned),
             ("normalised_wide_range", 1, p, (wide, six[1], six[2], wide_t)),
             ("normalised_zero_P", 1, zeros(5, 5), regular),
             ("normalised_one_by_one", 1, minus, one),
             ("squared_regular", 0, p5, regular),
             ("squared_one_row", 0, p5, single),
             ("squared_zero_P", 0, zeros(5, 5), regular),
             ("squared_one_by_one", 0, minus, one)]
    for name, normalised, p, (z1, z2, t1, t2) in cases:
        for a in (z1, z2):  # nothing may sit on the kink
            for q in matmul(a, p):
                if abs(dot(q, q) / FLOOR - 1) < mpf("0.1"):
                    raise AssertionError(f"{name}: a row lies on the floor")
        values = [direction_loss(p, z1, t2, normalised), direction_loss(p, z2, t1, normalised)]
        dz1, dp1 = direction_gradients(p, z1, t2, normalised)
        dz2, dp2 = direction_gradients(p, z2, t1, normalised)
        dp = add(dp1, dp2)

        def total():
            return direction_loss(p, z1, t2, normalised) + direction_loss(p, z2, t1, normalised)
        p, z1, z2 = ([r[:] for r in a] for a in (p, z1, z2))
        for what, a, gradient in (("dz1", z1, dz1), ("dz2", z2, dz2), ("dP", p, dp)):
            check_gradient(gradient, a, total, f"{name} {what}")
        put_views(topic.case(name).scalar("normalised", normalised).input("P", p), (z1, z2, t1, t2))
        topic.row("directions", values).scalar("loss", sum(values))
        topic.put("dz1", dz1, by_row=True).put("dz2", dz2, by_row=True).put("dP", dp, by_row=True).end()
    return topic


def topic_objective():
    topic = Topic("objective", "S, X over both views -> rule -> EMA of P (rho, debiased) -> + alpha I ->",
                  "applied_<k> -> normalised loss and gradient1_<k>, gradient2_<k>, P being a constant",
                  "per_direction 1: applied1_<k> from z1, t2 and applied2_<k> from z2, t1 instead",
                  "rule as in pipeline.txt; loss is 1 x steps")
    f, alpha, rho = 5, number("0.3"), number("0.9")
    cases = [("newton_schulz", "newton_schulz", 0, (8, 8, 8)),
             ("newton_schulz_b_below_f", "newton_schulz", 0, (2, 2, 2)),
             ("newton_schulz_changing_b", "newton_schulz", 0, (8, 3, 9)),
             ("newton_schulz_per_direction", "newton_schulz", 1, (8, 8, 8)),
             ("direct_copy", "direct_copy", 0, (8, 8, 8)),
             ("linear_regression", "linear_regression", 0, (8, 8, 8))]
    for i, (name, rule, per_direction, sizes) in enumerate(cases):
        topic.case(name).scalar("rule", list(RULES).index(rule)).scalar("per_direction", per_direction)
        topic.scalar("alpha", alpha).scalar("rho", rho)
        first, second = (Pipeline(RULES[rule], alpha) for _ in range(2))
        losses = []
        for k, b in enumerate(sizes):
            seed = 70 + k + (10 * i if b != 8 else 0)  # batches of 8 are shared by the cases
            z1, z2, t1, t2 = views = Generator(seed).views(b, f)
            put_views(topic, views, f"_{k}")
            if per_direction:
                p1 = first(covariance(z1), cross((z1, t2)), rho)
                p2 = second(covariance(z2), cross((z2, t1)), rho)
                topic.put(f"applied1_{k}", p1).put(f"applied2_{k}", p2)
            else:
                p1 = p2 = first(covariance(z1, z2), cross((z1, t2), (z2, t1)), rho)
                topic.put(f"applied_{k}", p1)
            losses.append(direction_loss(p1, z1, t2) + direction_loss(p2, z2, t1))
            topic.put(f"gradient1_{k}", direction_gradients(p1, z1, t2)[0], by_row=True)
            topic.put(f"gradient2_{k}", direction_gradients(p2, z2, t1)[0], by_row=True)
        topic.row("loss", losses).end()
    return topic


class Moments:
    """S and X of a batch, or the unbiased EMA of both over the batches so far."""

    def __init__(self, momentum):
        self.momentum, self.history, self.product, self.bars = momentum, [], mpf(1), None

    def __call__(self, s, x):
        rho = self.momentum
        self.bars = [add(scale(bar, rho), scale(a, 1 - rho))
                     for bar, a in zip(self.bars or (zeros(*shape(s)), zeros(*shape(x))), (s, x))]
        self.product *= rho
        used = [scale(bar, 1 / (1 - self.product)) for bar in self.bars]
        # second way: the weighted mean that the recursion unrolls to
        self.history.append((s, x))
        n = len(self.history)
        weights = [rho ** (n - 1 - j) for j in range(n)]
        for which, u in enumerate(used):
            mean = zeros(*shape(u))
            for w, pair in zip(weights, self.history):
                mean = add(mean, scale(pair[which], w / mpmath.fsum(weights)))
            check_close(u, mean, "1e-44", "EMA of statistics")
        return used


def topic_objective_options():
    topic = Topic("objective_options", "online z0 to z3 and targets t0 to t2 of each step are in case 'batches';",
                  "a case uses the first views and targets; view i predicts every target j != i through one P:",
                  "S over the rows of all views, X the mean over the pairs of z_i^T t_j / b",
                  "per_direction 1: each view i has S, X, P of its own (X over its pairs), applied<i>_<k>; else applied0_<k>",
                  "neumann (rule 3): S and X of z/|z|, t/|t|; centred 1: about the means of the views and targets",
                  "statistics_momentum m: S and X are EMAs, S_bar <- m S_bar + (1 - m) S over 1 - m^(k + 1); covariance<i>_<k>",
                  "and cross<i>_<k>: S_bar, X_bar where m > 0. P: EMA with rho, debiased, + alpha I",
                  "loss: sum over the pairs (mean 1: their mean), 1 x steps; gradient<i>_<k> of view i",
                  "rules: " + ", ".join(f"{i} {name}" for i, name in enumerate(RULES)))
    b, f, steps = 5, 3, 3
    batches = []
    for k in range(steps):
        base = Generator(300 + k).matrix(b, f)
        noisy = [add(base, Generator(310 + 10 * k + i).matrix(b, f, scale=40)) for i in range(7)]
        batches.append((noisy[:4], noisy[4:]))
    topic.case("batches")
    for k, (z, t) in enumerate(batches):
        for i, a in enumerate(z):
            topic.input(f"z{i}_{k}", a)
        for j, a in enumerate(t):
            topic.input(f"t{j}_{k}", a)
    topic.end()
    base = {"centred": 0, "momentum": "0", "apart": 0, "views": 2, "targets": 2, "mean": 0}
    cases = [(rule, rule, {"momentum": "0.3" if rule == "direct_pred_published" else "0"}) for rule in list(RULES)[3:]]
    cases += [("centred", "newton_schulz", {"centred": 1}), ("centred_neumann", "neumann", {"centred": 1}),
              ("averaged", "newton_schulz", {"momentum": "0.75"}),
              ("averaged_regression", "linear_regression", {"momentum": "0.5"}),
              ("averaged_centred_neumann", "neumann", {"momentum": "0.9", "centred": 1}),
              ("published_of_the_batch", "direct_pred_published", {}),
              ("apart", "newton_schulz", {"apart": 1}), ("apart_neumann", "neumann", {"apart": 1}),
              ("apart_averaged_neumann", "neumann", {"apart": 1, "momentum": "0.5"}),
              ("three_three", "newton_schulz", {"views": 3, "targets": 3}),
              ("three_three_neumann", "neumann", {"views": 3, "targets": 3}),
              ("three_three_regression_mean", "linear_regression", {"views": 3, "targets": 3, "mean": 1}),
              ("three_three_apart_neumann", "neumann", {"views": 3, "targets": 3, "apart": 1}),
              ("four_two_neumann", "neumann", {"views": 4, "targets": 2}),
              ("four_two_regression", "linear_regression", {"views": 4, "targets": 2}),
              ("four_two_apart_mean", "newton_schulz", {"views": 4, "targets": 2, "apart": 1, "mean": 1})]
    alpha, rho = number("0.3"), number("0.9")
    for name, rule, changed in cases:
        o = {**base, **changed}
        m = number(o["momentum"])
        topic.case(name).scalar("rule", list(RULES).index(rule)).scalar("alpha", alpha).scalar("rho", rho)
        topic.scalar("centred", o["centred"]).scalar("statistics_momentum", m).scalar("per_direction", o["apart"])
        topic.scalar("views", o["views"]).scalar("targets", o["targets"]).scalar("mean", o["mean"])
        owners = range(o["views"] if o["apart"] else 1)
        pipelines, moments = [Pipeline(RULES[rule], alpha) for _ in owners], [Moments(m) for _ in owners]
        losses = []
        for k, (z, t) in enumerate(batches):
            z, t = z[:o["views"]], t[:o["targets"]]
            pairs = [(i, j) for i in range(len(z)) for j in range(len(t)) if i != j]
            u, v = ([unit_rows(a) for a in z], [unit_rows(a) for a in t]) if rule == "neumann" else (z, t)
            applied = []
            for i in owners:
                mine = [p for p in pairs if p[0] == i] if o["apart"] else pairs
                s, x = (moments_about if o["centred"] else moments_of)(u, v, mine)
                s, x = moments[i](s, x)
                if m > 0:
                    for key, bar in zip(("covariance", "cross"), moments[i].bars):
                        topic.put(f"{key}{i}_{k}", bar)
                applied.append(pipelines[i](s, x, rho))
                topic.put(f"applied{i}_{k}", applied[-1])
            weight = mpf(1) / len(pairs) if o["mean"] else mpf(1)
            losses.append(weight * mpmath.fsum(direction_loss(applied[i if o["apart"] else 0], z[i], t[j]) for i, j in pairs))
            for i, a in enumerate(z):
                gradient = zeros(b, f)
                for j in (j for h, j in pairs if h == i):
                    gradient = add(gradient, direction_gradients(applied[i if o["apart"] else 0], a, t[j])[0])
                topic.put(f"gradient{i}_{k}", scale(gradient, weight), by_row=True)
        topic.row("loss", losses).end()
    return topic


def moments_of(z, t, pairs):
    """S over the views that predict, X the mean over the pairs."""
    return covariance(*(z[i] for i in sorted({i for i, _ in pairs}))), cross(*((z[i], t[j]) for i, j in pairs))


def moments_about(z, t, pairs):
    """The same about the mean of the views in S and the mean over the pairs in X."""
    s, x = moments_of(z, t, pairs)
    online = [r for i in sorted({i for i, _ in pairs}) for r in z[i]]
    mu = [mpmath.fsum(c) / len(online) for c in transpose(online)]
    left, right = [r for i, _ in pairs for r in z[i]], [r for _, j in pairs for r in t[j]]
    m1, m2 = ([mpmath.fsum(c) / len(a) for c in transpose(a)] for a in (left, right))
    return sub(s, [[a * c for c in mu] for a in mu]), sub(x, [[a * c for c in m2] for a in m1])


def byol_cosine(base, total, k):
    """tau(k), k counted before the increment; constant 1 from k = total on."""
    return 1 - (1 - base) * (mpmath.cos(mp.pi * mpf(min(k, total)) / total) + 1) / 2


def topic_ema():
    topic = Topic("ema", "cosine: tau(k) = 1 - (1 - base) (cos(pi min(k, total) / total) + 1) / 2",
                  "trajectory: target <- tau(k) target + (1 - tau(k)) online, from initial;",
                  "4 leaves as columns; row k of target is after step k; total 0: constant tau")
    schedules = (("0.99", 1000), ("0.996", 300), ("0.97", 7), ("0.5", 10), ("0", 4), ("0.99", 1), ("1", 10))
    for i, (base, total) in enumerate(schedules):
        b, steps = number(base), [0, 1, total // 2, total - 1, total, total + 5]
        topic.case(f"cosine_{i}").scalar("base", b).scalar("total", total).row("k", steps)
        topic.row("tau", [byol_cosine(b, total, k) for k in steps]).end()
    steps = 6
    for name, base, total in (("trajectory_cosine", "0.9", 10), ("trajectory_cosine_past_the_end", "0.75", 4),
                              ("trajectory_constant", "0.99", 0)):
        gen = Generator(90)
        initial, online = gen.matrix(1, 4), gen.matrix(steps, 4)
        target, rows, taus = initial[0], [], []
        for k in range(steps):
            tau = byol_cosine(number(base), total, k) if total else number(base)
            target = [tau * x + (1 - tau) * y for x, y in zip(target, online[k])]
            rows.append(target)
            taus.append(tau)
            unrolled = [mpmath.fprod(taus) * x for x in initial[0]]
            for j in range(k + 1):
                w = (1 - taus[j]) * mpmath.fprod(taus[j + 1:])
                unrolled = [u + w * y for u, y in zip(unrolled, online[j])]
            check_close([target], [unrolled], "1e-46", "trajectory")
        topic.case(name).scalar("base", number(base)).scalar("total", total)
        topic.input("initial", initial).input("online", online).row("tau", taus).put("target", rows).end()
    return topic


def power_overlap(ga, ta, gb, tb):
    """EDM2's inner product of two power profiles, the first ending at ta and the second at tb."""
    exponent = gb if ta < tb else -ga
    return (ga + 1) * (gb + 1) * (ta / tb) ** exponent / ((ga + gb + 1) * max(ta, tb))


def topic_schedule():
    topic = Topic("schedule", "tau of updates k; g = gamma, u = sigma^-2: sigma^2 = (g + 1) / ((g + 2)^2 (g + 3))",
                  "power: (k / (k + 1))^(g + 1); inverse_gamma: min(most, 1 - (1 + k / gamma)^-p)",
                  "half_life: 2^(-batch / min(half_life, ramp batch (k + 1))); debiased: 1 - (1 - tau) / (1 - tau^(k + 1))",
                  "post_hoc: weights of snapshots (gamma, t) for the profile (wanted_gamma, wanted_t), their sum 1")
    steps = [0, 1, 2, 9, 100, 4095, 10**6]
    for i, text in enumerate(("0.05", "0.1", "0.2", "0.28")):
        sigma = number(text)
        u = 1 / sigma ** 2
        g = max(r.real for r in mpmath.polyroots([1, 7, 16 - u, 12 - u], maxsteps=200, extraprec=200) if abs(r.imag) < mpf(10) ** -30)
        check_close([[sigma]], [[mpmath.sqrt((g + 1) / ((g + 2) ** 2 * (g + 3)))]], "1e-46", "power")
        topic.case(f"power_{i}").scalar("sigma", sigma).scalar("gamma", g).row("k", steps)
        topic.row("tau", [(mpf(k) / (k + 1)) ** (g + 1) for k in steps]).end()
    for i, (gamma, power, most) in enumerate((("1", "2/3", "0.9999"), ("10", "0.75", "1"), ("1", "1", "1"))):
        p = number(power) if "/" not in power else mpf(float(mpf(2) / 3))
        topic.case(f"inverse_gamma_{i}").scalar("gamma", number(gamma)).scalar("power", p).scalar("most", number(most))
        topic.row("k", steps)
        topic.row("tau", [min(number(most), 1 - (1 + k / number(gamma)) ** -p) if k else mpf(0) for k in steps]).end()
    for i, (half, batch, ramp) in enumerate((("500000", "2048", "0.09"), ("100", "1", "1"), ("7", "3", "2"))):
        h, b, r = number(half), number(batch), number(ramp)
        topic.case(f"half_life_{i}").scalar("half_life", h).scalar("batch", b).scalar("ramp", r).row("k", steps)
        topic.row("tau", [mpf(2) ** (-b / min(h, r * b * (k + 1))) for k in steps]).end()
    for i, text in enumerate(("0.9", "0.999")):
        tau = number(text)
        topic.case(f"debiased_{i}").scalar("base", tau).row("k", steps)
        topic.row("tau", [1 - (1 - tau) / (1 - tau ** (k + 1)) if k else mpf(0) for k in steps]).end()
    gammas, times = [number("16.97"), number("6.94")], [256, 512, 1024]
    snapshots = [(g, mpf(t)) for t in times for g in gammas]
    for i, (gamma, time) in enumerate((("12", 1024), ("9.5", 900), ("16.97", 512))):
        wanted = (number(gamma), mpf(time))
        a = [[power_overlap(*x, *y) for y in snapshots] for x in snapshots]
        raw = solve(a, [[power_overlap(*x, *wanted)] for x in snapshots])
        total = mpmath.fsum(r[0] for r in raw)
        topic.case(f"post_hoc_{i}").scalar("wanted_gamma", wanted[0]).scalar("wanted_t", wanted[1])
        topic.row("gamma", [s[0] for s in snapshots]).row("t", [s[1] for s in snapshots])
        topic.row("weights", [r[0] / total for r in raw]).end()
    return topic


TOPICS = (topic_newton_schulz, topic_newton_schulz_stages, topic_visser, topic_stiefel, topic_direct_pred,
          topic_neumann, topic_linear_regression, topic_direct_copy, topic_statistics, topic_pipeline,
          topic_loss, topic_objective, topic_objective_options, topic_ema,
          topic_schedule)


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 1
    files = {t.name + ".txt": t.content() for t in (make() for make in TOPICS)}
    if not arguments:
        for name, content in files.items():
            (HERE / name).write_bytes(content)
            print(f"{name}: {len(content)} bytes")
        return 0
    committed = {p.name: p.read_bytes() for p in HERE.glob("*.txt") if p.name != "CMakeLists.txt"}
    bad = sorted(n for n in files.keys() | committed.keys() if files.get(n) != committed.get(n))
    for name in bad:
        state = "differs" if name in files else "is not made by make.py"
        print(f"FAIL: golden file {name} {state if name in committed else 'is missing'}", file=sys.stderr)
    if not bad:
        print(f"golden files: {len(files)} equal, byte for byte (mpmath {mpmath.__version__})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
