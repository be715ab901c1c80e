"""Writes the tables of docs/performance.md, between their marks."""

import pathlib

from figures import GROUPS

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def told(goals):
    """Which of them were met, and by how much the others were not."""
    one = lambda goal: (f"{goal['what']} met" if goal["ratio"] <= 1 else
                        f"{goal['what']} **missed, ×{goal['ratio']:.2f} of it**")
    return "Of these: " + "; ".join(map(one, goals)) + "."


def programs(result, names, group, title, text):
    """The table of one group of programs."""
    means = result["means"][group]
    those = [figure for figure in result["figures"] if figure["key"].startswith(f"{group}_")]
    rows = {figure["key"]: {row["who"]: row for row in figure["rows"]} for figure in those}
    ratio = lambda key, who: rows[key][who]["ratio"] if who in rows[key] else None
    lines = ["", f"**{title} programs**: time against {result['natives'][group]}, most in a process first.", "",
             "| program | native, ms | " + " | ".join(names[who] for who in means) + " |",
             "| --- | ---: |" + " ---: |" * len(means)]
    for key in sorted(rows, key=lambda key: -(ratio(key, "process") or 0)):
        cells = [f"×{ratio(key, who):.2f}" if ratio(key, who) else "–" for who in means]
        base = text(rows[key]["native"]["median"], "ms")
        lines.append(f"| {key.removeprefix(f'{group}_')} | {base} | " + " | ".join(cells) + " |")
    # Who cannot run some of them has a mean of the others.
    count = lambda mean: "" if mean["programs"] == len(those) else f" ({mean['programs']} of {len(those)})"
    cells = [f"**×{mean['ratio']:.2f}**{count(mean)}" for mean in means.values()]
    return [*lines, "| geometric mean | | " + " | ".join(cells) + " |"]


def write(result, path, text):
    names = {key: one["name"] for key, one in result["contestants"].items()}
    machine = result["machine"]
    lines = [f"Measured {result['when'][:10]} on {machine['cores']} cores of {machine['processor']}, "
             f"{machine['system']}; {result['seconds']:.0f} seconds"
             + (", with `--quick`: few turns and few sandboxes" if result["quick"] else "") + ".", ""]
    if result["load"] > 0.5 * machine["cores"]:
        lines += [f"**The machine was busy** (load {result['load']} before the start): times are too long, and "
                  "ratios are what can be read here.", ""]
    lines += ["![The figures as bars](performance.svg)", ""]
    lines += ["| who | version |", "| --- | --- |"]
    lines += [f"| {one['name']} | {one['version']} |" for one in result["contestants"].values()]
    if result["left_out"]:
        lines += ["", "Left out: " + "; ".join(f"{key} ({why})" for key, why in result["left_out"].items()) + "."]
    if result["failed"]:
        lines += ["", "Failed: " + "; ".join(f"{key} ({why})" for key, why in result["failed"].items()) + "."]
    plain = [figure for figure in result["figures"] if figure["key"].split("_")[0] not in GROUPS]
    for figure in plain:
        lines += ["", f"**{figure['name'][0].upper()}{figure['name'][1:]}**, {figure['unit']}. "
                  + (f"Target: {figure['target']}. " + told(figure["goals"]) if figure["target"] else ""), "",
                  "| | median | against native | least to most |", "| --- | ---: | ---: | ---: |"]
        for row in figure["rows"]:
            ratio = f"×{row['ratio']:.2f}" if row["ratio"] is not None else ""
            unit = figure["unit"]
            lines.append(f"| {names.get(row['who'], row['who'])} | {text(row['median'], unit)} | {ratio} | "
                         f"{text(row['low'], unit)} to {text(row['high'], unit)} |")
        if figure["note"]:
            lines += ["", figure["note"]]
    for group, title in GROUPS.items():
        if group in result["means"]:
            lines += programs(result, names, group, title, text)
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")
