//! The style sheet: light, and dark where the viewer prefers it. It uses no CSS variables, which many
//! SVG viewers do not support.

use std::fmt::Write;

use crate::report::palette::Swatch;

const LIGHT: &str = "
text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#1c2833}
.model{font-size:20px;font-weight:bold}
.caption{font-size:13px}
.axis{font-size:11px;fill:#515a5a}
.unit{font-size:12px;fill:#515a5a}
.label{text-anchor:middle;pointer-events:none}
.paper{fill:#ffffff}
.reserved{fill:#c1c9ca}
.grid{stroke:#e5e8e8;stroke-width:1}
.frame{stroke:#839192;stroke-width:1}
.buffer{stroke:#2c3e50;stroke-opacity:.75}
.hatch{stroke:#1c2833;stroke-opacity:.55;fill:none}
.same{fill:url(#plimsoll-same)}
.over{fill:url(#plimsoll-over)}
.arena{stroke:#1c2833;stroke-width:1.5}
.bound{stroke:#c0392b;stroke-width:2.5;stroke-dasharray:9 5}
.capacity{stroke:#2471a3;stroke-width:2;stroke-dasharray:2 4}
.pointer{stroke-width:1;stroke-dasharray:none}
.peak{fill:#c0392b;fill-opacity:.13;stroke:#c0392b;stroke-width:1;pointer-events:none}
.narrow{stroke:none;fill-opacity:.4}
.peak-name{font-size:11px;fill:#a93226}
";

const DARK: &str = "
text{fill:#e8ecef}
.axis,.unit{fill:#a9b4bb}
.paper{fill:#14191e}
.reserved{fill:#3d464d}
.grid{stroke:#262e35}
.frame{stroke:#6d7a83}
.buffer{stroke:#05080a}
.hatch{stroke:#ffffff;stroke-opacity:.5}
.arena{stroke:#e8ecef}
.bound{stroke:#ff7361}
.capacity{stroke:#62b0e8}
.peak{fill:#ff7361;stroke:#ff7361}
.narrow{stroke:none}
.peak-name{fill:#ff9385}
";

/// Rules for maps of several memories.
const POOLS: &str = "
.pool{font-size:14px;font-weight:bold}
.cut{stroke:#839192;stroke-width:1;stroke-dasharray:1 5}
";

/// The style sheet; `copies` are the colours for transfers closer to the operators and away from them.
/// Rules for maps of tiled plans, in light and dark.
const REGIONS: [&str; 2] = [
    "
.region{fill:#5d6d7e}
.odd{fill:#99a3a4}
.region-edge{stroke:#34495e;stroke-width:1;stroke-dasharray:3 3}
.tiled{fill:#2471a3;fill-opacity:.55}
.untiled{fill:none;stroke:#7b241c;stroke-width:1.2}
",
    "
.region{fill:#aab7b8}
.odd{fill:#717d7e}
.region-edge{stroke:#cacfd2}
.tiled{fill:#5dade2}
.untiled{stroke:#f1948a}
",
];

pub(super) fn sheet(legend: &[(String, &Swatch)], copies: Option<&[Swatch; 2]>) -> String {
    let pools = if copies.is_some() { POOLS.trim_start() } else { "" };
    let (mut light, mut dark) = (format!("{LIGHT}{pools}"), DARK.to_owned());
    for (class, swatch) in ["in", "out"].into_iter().zip(copies.into_iter().flatten()) {
        for (text, colour) in [(&mut light, swatch.light), (&mut dark, swatch.dark)] {
            writeln!(text, ".{class}{{stroke:{colour};fill:{colour}}}").expect("a string takes every letter");
        }
    }
    for (number, (_, swatch)) in legend.iter().enumerate() {
        for (text, fill) in [(&mut light, swatch.light), (&mut dark, swatch.dark)] {
            writeln!(text, ".c{number}{{fill:{fill}}}").expect("a string takes every letter");
        }
    }
    format!("{light}@media(prefers-color-scheme:dark){{{dark}}}\n")
}

/// Rules for the regions of a tiled plan, which follow the sheet.
pub(super) fn regions() -> String {
    let [light, dark] = REGIONS;
    format!("{}@media(prefers-color-scheme:dark){{{dark}}}\n", light.trim_start())
}
