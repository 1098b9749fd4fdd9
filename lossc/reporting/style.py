"""The page's style: one column on a phone, light or dark as the reader has it."""

from __future__ import annotations

LIGHT = ("#0067a8", "#b84a00", "#00795a", "#a3448a", "#7a6500", "#0d8ba5", "#6a4fb3", "#4d4d4d")
DARK = ("#6cb8ee", "#f0904d", "#3fc79a", "#e08fc4", "#d6bd3c", "#5fd0e6", "#b39cf0", "#bdbdbd")
#: Lines differ by their dashes as well, for those who do not see their colours.
DASHES = ("", "6 3", "2 2", "8 3 2 3", "12 3", "4 4", "1 3", "10 2 2 2 2 2")


def series(number: int) -> str:
    """The class of the line that stands for the surrogate with this number."""
    return f"s{number % len(LIGHT)}"


def _colours(colours: tuple[str, ...]) -> str:
    return "".join(f"--s{number}:{colour};" for number, colour in enumerate(colours))


def stylesheet() -> str:
    """All of it."""
    lines = "".join(
        f".s{k}{{stroke:var(--s{k});color:var(--s{k});stroke-dasharray:{dash or 'none'}}}\n"
        for k, dash in enumerate(DASHES)
    )
    return f"""
:root{{color-scheme:light dark;--page:#fff;--text:#1c1f23;--soft:#5b626b;--rule:#d8dce1;
--shade:#f4f6f8;{_colours(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{--page:#14171a;--text:#e6e8eb;--soft:#a2a9b2;
--rule:#363c43;--shade:#1e2226;{_colours(DARK)}}}}}
*{{box-sizing:border-box}}
body{{margin:0 auto;padding:1rem;max-width:62rem;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}
h1{{font-size:clamp(1.15rem,5.2vw,1.6rem);margin:.5rem 0}}
h2{{font-size:1.25rem;margin:2.5rem 0 .5rem;border-top:1px solid var(--rule);padding-top:1rem}}
p,dl,figure,ul{{margin:.6rem 0}}
p,li,dd{{max-width:46rem}}
.soft,figcaption,caption{{color:var(--soft);font-size:.875rem}}
.scroll{{overflow-x:auto;margin:.8rem 0;border:1px solid var(--rule);border-radius:6px}}
table{{border-collapse:collapse;font-size:.875rem;min-width:100%}}
caption{{text-align:left;padding:.5rem .6rem;min-width:16rem}}
th,td{{padding:.3rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--rule)}}
thead th{{background:var(--shade);white-space:nowrap}}
tbody th{{font-weight:600;white-space:nowrap}}
td{{overflow-wrap:normal;min-width:7rem}}
td.n,td:has(>code){{min-width:0}}
td.long{{min-width:16rem}}
.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
.best{{font-weight:700;text-decoration:underline}}
code,pre{{font:.85rem/1.45 ui-monospace,monospace}}
pre{{overflow-x:auto;padding:.8rem;background:var(--shade);border-radius:6px}}
td code{{white-space:pre}}
dt{{font-weight:600}}
dd{{margin:0 0 .4rem}}
.grid-of{{display:grid;gap:.5rem 1.5rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr))}}
figure{{min-width:0;max-width:34rem}}
svg{{display:block;width:100%;height:auto}}
svg text{{font:11px system-ui,sans-serif;fill:var(--soft)}}
rect{{shape-rendering:crispEdges}}
.axis{{stroke:var(--soft)}}
.grid{{stroke:var(--rule);stroke-width:.7}}
.line{{fill:none;stroke-width:1.8;stroke-linejoin:round}}
.dot{{fill:currentColor;stroke:none}}
.hard{{stroke:var(--soft);color:var(--soft);stroke-width:1.3}}
.plain{{stroke-dasharray:none}}
.key{{display:inline-flex;align-items:center;gap:.4rem;margin-right:1rem;white-space:nowrap}}
.key svg{{width:2rem;height:.8rem}}
{lines}"""
