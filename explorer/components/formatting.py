"""How numbers are written on the page, in one place: rounded for the eye, in full where they are compared."""

from __future__ import annotations

_MINUS = "\u2212"
_SPACE = "\u00a0"  # a number and its unit stay on one line


def short(value: float) -> str:
    """Three significant digits with a decimal prefix: 7978856 -> 7.98 M."""
    if abs(value) < 1000:
        return f"{value:.3g}"
    for factor, prefix in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P")):
        scaled = value / factor
        if abs(scaled) < 999.5 or prefix == "P":
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{scaled:.{digits}f}{_SPACE}{prefix}"
    raise AssertionError("the last prefix takes everything")


def exact(value: int) -> str:
    """All digits, in groups of three: 7,978,856."""
    return f"{value:,}"


def memory(value_bytes: float) -> str:
    """Bytes in MiB below one GiB, in GiB above."""
    mib = value_bytes / 2**20
    if mib < 9.995:
        return f"{mib:.2f}{_SPACE}MiB"
    if mib < 1023.5:
        return f"{mib:.0f}{_SPACE}MiB"
    gib = mib / 1024
    return f"{gib:.2f}{_SPACE}GiB" if gib < 9.995 else f"{gib:,.1f}{_SPACE}GiB"


def duration(seconds: float) -> str:
    """Milliseconds below one second, seconds above."""
    if seconds < 0.01:
        return f"{seconds * 1e3:.1f}{_SPACE}ms"
    return f"{seconds * 1e3:.0f}{_SPACE}ms" if seconds < 0.9995 else f"{seconds:.1f}{_SPACE}s"


def side(size_px: int) -> str:
    """A square in pixels: 56 × 56."""
    return f"{size_px}{_SPACE}×{_SPACE}{size_px}"


def difference(value: float, reference: float) -> str:
    """How far `value` lies from `reference`: a percentage, a factor where it is far, or an equals sign."""
    if value == reference:
        return "="
    ratio = value / reference
    if ratio >= 10 or ratio <= 0.1:
        return f"×{_SPACE}{ratio:.3g}" if ratio >= 10 else f"÷{_SPACE}{1 / ratio:.3g}"
    percent = 100 * (ratio - 1)
    digits = 1 if abs(percent) < 9.95 else 0
    sign = "+" if percent > 0 else _MINUS
    shown = f"{abs(percent):.{digits}f}"
    return f"{sign}{shown}{_SPACE}%" if float(shown) else f"{sign}<0.1{_SPACE}%"


def error(estimate: float, truth: float) -> str:
    """How far an estimate lies from the truth, in percent with two decimals."""
    percent = round(100 * (estimate / truth - 1), 2)
    return f"{'+' if percent >= 0 else _MINUS}{abs(percent):.2f}{_SPACE}%"


def signed(value: int) -> str:
    """A difference with its sign: +12, −3, =."""
    return "=" if value == 0 else f"{'+' if value > 0 else _MINUS}{abs(value):,}"


def share(probability: float) -> str:
    """A probability of 0 to 1 in percent."""
    percent = 100 * probability
    return f"{percent:.1f}{_SPACE}%" if percent >= 0.05 or percent == 0 else f"<0.1{_SPACE}%"
