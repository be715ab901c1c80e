"""Draws the figures that people ask for first, as one SVG that reads well on light
and on dark."""

import math
from xml.sax.saxutils import escape

from figures import GROUPS

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 880, 200, 110, 20, 9, 58
PANELS = (
    ("cold", "Cold start", "a process that prints “hi”, milliseconds", 1e3, "ms", True),
    ("warm", "Warm start", "one more fresh sandbox that prints “hi”, milliseconds", 1e3, "ms", True),
    ("call", "One call that leaves the sandbox", "os.stat, whole cost, microseconds", 1e6, "µs", True),
    ("memory", "Memory of one more waiting sandbox", "proportional set size, MiB", 1 / 2**20, "MiB", False),
)
STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; } .title { fill: #1f2328; font-size: 17px; font-weight: 600; }
.about { fill: #59636e; font-size: 12.5px; } .name { fill: #1f2328; font-size: 13px; }
.value { fill: #1f2328; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.grid { stroke: #d1d9e0; stroke-width: 1; } .tick { fill: #59636e; font-size: 11px; }
.own { fill: #0969da; } .native { fill: #6e7781; } .peer { fill: #c4ccd4; }
.mark { stroke: #bc4c00; stroke-width: 2; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117; } .title, .name, .value { fill: #f0f6fc; } .about, .tick { fill: #9198a1; }
.grid { stroke: #3d444d; } .own { fill: #4493f8; } .native { fill: #9198a1; } .peer { fill: #3d444d; }
.mark { stroke: #f0883e; }
}
"""


def write(result, path):
    figures = {figure["key"]: figure for figure in result["figures"]}
    names = {key: one["name"] for key, one in result["contestants"].items()}
    parts, top = [], 10
    for key, title, about, scale, unit, is_log in PANELS:
        if key in figures:
            drawn, height = panel(figures[key], names, title, about, scale, unit, is_log, top)
            parts += drawn
            top += height
    for group, title in GROUPS.items():
        drawn, height = programs(result, names, group, title, top)
        parts += drawn
        top += height
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
        f'role="img" aria-label="Bellglass measured beside native CPython and other sandboxes">\n'
        f"<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{top}" rx="8"/>\n' + "\n".join(parts) + "\n</svg>\n")


def heading(title, about, top):
    return [f'<text class="title" x="20" y="{top + 24}">{escape(title)}</text>',
            f'<text class="about" x="20" y="{top + 43}">{escape(about)}</text>']


def kind(who):
    return "own" if who in ("process", "thread") else "native" if who == "native" else "peer"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def panel(figure, names, title, about, scale, unit, is_log, top):
    rows = sorted(figure["rows"], key=lambda row: row["median"])
    values = [row["median"] * scale for row in rows]
    low, high, ticks = axis(values, is_log)
    place = placer(low, high, is_log)
    bottom = top + HEAD + len(rows) * (BAR + GAP)
    parts = heading(title, about + (" (each step ×10)" if is_log else ""), top)
    for tick in ticks:
        x = place(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 13}" text-anchor="middle">{number(tick)}</text>')
    for place_of, (row, value) in enumerate(zip(rows, values)):
        y = top + HEAD + place_of * (BAR + GAP)
        parts += bar(names.get(row["who"], row["who"]), kind(row["who"]), y, place(value),
                     f"{number(value)} {unit}")
    return parts, bottom - top + 34


def bar(name, style, y, x, label):
    width = max(2.0, x - LEFT)
    return [f'<text class="name" x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{style}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>',
            f'<text class="value" x="{LEFT + width + 8:.1f}" y="{y + 15}">{escape(label)}</text>']


def axis(values, is_log):
    if not is_log:
        high = max(values) * 1.05
        step = next(step for step in (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 10000) if high / step <= 8)
        return 0.0, high, [step * n for n in range(int(high / step) + 1)]
    low = 10 ** math.floor(math.log10(min(values) * 0.999))
    high = max(max(values) * 1.05, low * 10)
    ticks, tick = [], low
    while tick <= high:
        ticks.append(tick)
        tick *= 10
    return low, high, ticks


def placer(low, high, is_log):
    room = WIDTH - LEFT - RIGHT
    if is_log:
        return lambda value: LEFT + room * math.log(max(value, low) / low) / math.log(high / low)
    return lambda value: LEFT + room * (value - low) / (high - low)


def programs(result, names, group, title, top):
    """Each program's time against the native interpreter's."""
    means = result["means"].get(group, {})
    those = [figure for figure in result["figures"] if figure["key"].startswith(f"{group}_")]
    ratio = lambda figure, who: next((row["ratio"] for row in figure["rows"] if row["who"] == who), None)
    those = sorted((figure for figure in those if ratio(figure, "process")), key=lambda one: ratio(one, "process"))
    if not those or "process" not in means:
        return [], 0
    shown = [(figure["key"].removeprefix(f"{group}_"), ratio(figure, "process"), "peer") for figure in those]
    shown += [(f"mean, {names[who].removeprefix('bellglass, ')}", mean["ratio"], kind(who))
              for who, mean in means.items()]
    low, high, ticks = axis([value for _, value, _ in shown], False)
    place = placer(low, high, False)
    bottom = top + HEAD + len(shown) * (BAR + GAP)
    about = f"time against {result['natives'][group].split(',')[0]}'s, in a process of their own"
    parts = heading(f"{title} programs that compute", about, top)
    for tick in ticks:
        x = place(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 13}" text-anchor="middle">×{tick:g}</text>')
    for place_of, (name, value, style) in enumerate(shown):
        parts += bar(name, style, top + HEAD + place_of * (BAR + GAP), place(value), f"×{value:.2f}")
    x = place(1)
    parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD - 6}" y2="{bottom}"/>')
    return parts, bottom - top + 34
