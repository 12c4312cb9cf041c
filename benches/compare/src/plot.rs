//! Charts of a run: hand-written SVG, one file per row and transport.
//!
//! Bytes per message, or the row's count, on the x axis; rates or microseconds on the y axis;
//! both logarithmic. A line is a contender's median over the rounds, the bar through each point
//! goes from its slowest round to its fastest.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::figures::{rate_name, size_name};
use crate::harness::{Row, Transport};

/// A contender's points: x, and the values of all rounds.
pub(crate) type Points = BTreeMap<u64, Vec<f64>>;

/// What one chart shows.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x_axis: String,
    pub(crate) y_axis: &'static str,
    /// How a figure of the x axis is written.
    pub(crate) x_label: fn(u64) -> String,
    /// In the order of the legend.
    pub(crate) lines: Vec<(String, Points)>,
    pub(crate) note: String,
}

/// Draws every row of this record into a folder.
pub(crate) fn draw(record: &Path, folder: &Path) -> Result<(), String> {
    let text = fs::read_to_string(record).map_err(|e| format!("{}: {e}", record.display()))?;
    let record: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for row in Row::ALL {
        for transport in Transport::ALL {
            let metrics: &[(&str, &str, &'static str, f64)] = if row.makes_trips() {
                &[
                    ("-p50", "p50_ns", "median round trip, microseconds", 1e-3),
                    ("-p99", "p99_ns", "99th percentile, microseconds", 1e-3),
                ]
            } else {
                &[("", "per_second", "messages delivered per second", 1.0)]
            };
            for (suffix, field, y_axis, scale) in metrics {
                let name = format!("{row}-{transport}{suffix}.svg");
                if let Some(chart) = chart(&record, row, transport, field, y_axis, *scale) {
                    write(&chart, &folder.join(name))?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn write(chart: &Chart, path: &Path) -> Result<(), String> {
    fs::write(path, svg(chart)).map_err(|e| format!("{}: {e}", path.display()))
}

/// What stands under every chart: where and when.
pub(crate) fn note(record: &Value) -> String {
    let machine = &record["machine"];
    format!(
        "{}, {} cores, Linux {}, TCP {}, {}; {} rounds of {} s",
        machine["cpu"].as_str().unwrap_or("?"),
        machine["cores"],
        machine["kernel"].as_str().unwrap_or("?"),
        machine["tcp"].as_str().unwrap_or("?"),
        record["date"].as_str().unwrap_or("?"),
        record["rounds"],
        record["window_s"],
    )
}

fn chart(
    record: &Value,
    row: Row,
    transport: Transport,
    field: &str,
    y_axis: &'static str,
    scale: f64,
) -> Option<Chart> {
    let by_size = row.counts().len() == 1 && row.sizes().len() > 1;
    let x = if by_size { "size" } else { "count" };
    let mut lines: Vec<(String, Points)> = Vec::new();
    let (mut sizes, mut counts) = (Vec::new(), Vec::new());
    for reading in record["readings"].as_array()? {
        let is_here = reading["row"] == row.name() && reading["transport"] == transport.name();
        let (Some(value), true) = (reading[field].as_f64().filter(|v| *v > 0.0), is_here) else {
            continue;
        };
        let who = reading["contender"].as_str()?;
        let at = lines.iter().position(|(name, _)| name == who);
        let at = at.unwrap_or_else(|| {
            lines.push((who.to_owned(), Points::new()));
            lines.len() - 1
        });
        let values = lines[at].1.entry(reading[x].as_u64()?).or_default();
        values.push(value * scale);
        sizes.push(reading["size"].as_u64()?);
        counts.push(reading["count"].as_u64()?);
    }
    sizes.dedup();
    let several_sizes = !by_size && sizes.iter().any(|size| *size != sizes[0]);
    // A chart of one point would show nothing that the table does not show better.
    let widths: Vec<u64> = lines
        .iter()
        .flat_map(|(_, points)| points.keys().copied())
        .collect();
    if several_sizes || widths.iter().min() == widths.iter().max() {
        return None;
    }
    let (x_axis, x_label): (String, fn(u64) -> String) = if by_size {
        ("bytes per message".to_owned(), |x| size_name(x as usize))
    } else {
        let name = size_name(*sizes.first()? as usize);
        (format!("x (messages of {name})"), |x| rate_name(x as f64))
    };
    Some(Chart {
        title: format!("{}, {transport}", row.title()),
        x_axis,
        y_axis,
        x_label,
        lines,
        note: note(record),
    })
}

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 78.0;

/// Colours that can be told apart on white and on black, by most eyes (after Okabe and Ito).
const COLOURS: [&str; 9] = [
    "#D55E00", "#0072B2", "#009E73", "#33B58C", "#CC79A7", "#A65C92", "#C99700", "#808080",
    "#56A4D9",
];

/// The same contender has the same colour in every chart.
fn colour(who: &str, at: usize) -> &'static str {
    const KNOWN: [(&str, usize); 8] = [
        ("ours", 0),
        ("libzmq", 1),
        ("omq-tokio", 2),
        ("omq-blocking", 3),
        ("rzmq", 4),
        ("rzmq-uring", 5),
        ("zeromq", 6),
        ("raw", 7),
    ];
    let known = KNOWN.iter().find(|(name, _)| *name == who);
    COLOURS[known.map_or(1 + at % (COLOURS.len() - 1), |(_, colour)| *colour)]
}

/// From a value to its place between two ends, by its logarithm.
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let span = (self.most / self.least).ln();
        self.from + (self.to - self.from) * (value / self.least).ln() / span
    }
}

fn svg(chart: &Chart) -> String {
    let xs = chart.lines.iter().flat_map(|(_, points)| points.keys());
    let xs: std::collections::BTreeSet<u64> = xs.copied().collect();
    let values = || {
        chart
            .lines
            .iter()
            .flat_map(|(_, points)| points.values().flatten().copied())
    };
    let least = values().fold(f64::INFINITY, f64::min);
    let most = values().fold(0.0, f64::max);
    let x = Scale {
        least: xs.first().copied().unwrap_or(1) as f64,
        most: xs.last().copied().unwrap_or(10) as f64,
        from: LEFT + 12.0,
        to: WIDTH - RIGHT - 12.0,
    };
    let y = Scale {
        least: least * 0.8,
        most: most * 1.25,
        from: HEIGHT - BOTTOM,
        to: TOP,
    };
    let mut out = head(&chart.title);
    grid(&mut out, &y);
    for at in xs {
        let (place, bottom) = (x.place(at as f64), HEIGHT - BOTTOM);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{place:.1}\" x2=\"{place:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 17.0,
            (chart.x_label)(at)
        );
    }
    axes(&mut out, chart);
    for (at, (who, points)) in chart.lines.iter().enumerate() {
        line(&mut out, points, colour(who, at), who == "raw", &x, &y);
    }
    legend(&mut out, chart, &y);
    out.push_str("</svg>\n");
    out
}

/// Ink and paper follow the reader's choice of light or dark.
fn head(title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{title}</title>\n<style>\n\
         .paper {{ fill: #ffffff }} text {{ fill: #24292f }}\n\
         .grid {{ stroke: #8c959f; stroke-opacity: .3 }} .fine {{ stroke-opacity: .12 }}\n\
         .axis {{ stroke: #57606a }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .paper {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .axis {{ stroke: #8b949e }}\n\
         }}\n</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{title}</text>\n"
    )
}

/// A line for each 1, 2 and 5 of a power of ten; labels on as many as there is room for.
fn grid(out: &mut String, y: &Scale) {
    let first = y.least.log10().floor() as i32;
    let last = y.most.log10().ceil() as i32;
    let decades = (y.most / y.least).log10();
    for power in first..=last {
        for digit in 1..10 {
            let value = f64::from(digit) * 10f64.powi(power);
            if value < y.least || value > y.most {
                continue;
            }
            let labelled = digit == 1 || (decades < 3.0 && matches!(digit, 2 | 5));
            let place = y.place(value);
            let _ = writeln!(
                out,
                "<line class=\"grid{}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{place:.1}\" y2=\"{place:.1}\"/>",
                if labelled { "" } else { " fine" },
                WIDTH - RIGHT
            );
            if labelled {
                let _ = writeln!(
                    out,
                    "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    LEFT - 8.0,
                    place + 4.0,
                    short(value)
                );
            }
        }
    }
}

/// `20M`, `500k`, `0.5`.
fn short(value: f64) -> String {
    match value {
        big if big >= 1e6 => format!("{}M", (big / 1e6).round()),
        middling if middling >= 1e3 => format!("{}k", (middling / 1e3).round()),
        small if small >= 1.0 => format!("{}", small.round()),
        tiny => format!("{tiny:.1}"),
    }
}

fn axes(out: &mut String, chart: &Chart) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let middle = (LEFT + right) / 2.0;
    let half = (TOP + bottom) / 2.0;
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
         <text transform=\"translate(16 {half}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n\
         <text x=\"{LEFT}\" y=\"{}\" font-size=\"10\" opacity=\".75\">{}</text>",
        bottom + 38.0,
        chart.x_axis,
        chart.y_axis,
        HEIGHT - 12.0,
        chart.note
    );
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn line(out: &mut String, points: &Points, colour: &str, dashed: bool, x: &Scale, y: &Scale) {
    let mut path = String::new();
    let mut marks = String::new();
    for (at, values) in points {
        let place = (x.place(*at as f64), y.place(median(values)));
        let _ = write!(path, "{:.1},{:.1} ", place.0, place.1);
        let least = y.place(values.iter().copied().fold(f64::INFINITY, f64::min));
        let most = y.place(values.iter().copied().fold(0.0, f64::max));
        let _ = write!(
            marks,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{least:.1}\" y2=\"{most:.1}\" stroke=\"{colour}\"/>",
            place.0, place.1, place.0, place.0
        );
    }
    let dashes = if dashed {
        " stroke-dasharray=\"6 4\""
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>{marks}",
        path.trim_end()
    );
}

/// Names beside the ends of their lines, moved apart where they would touch.
fn legend(out: &mut String, chart: &Chart, y: &Scale) {
    const STEP: f64 = 16.0;
    let mut names: Vec<(f64, &str, &str)> = Vec::new();
    for (at, (who, points)) in chart.lines.iter().enumerate() {
        if let Some((_, values)) = points.last_key_value() {
            names.push((y.place(median(values)), who, colour(who, at)));
        }
    }
    names.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = TOP;
    let room = HEIGHT - BOTTOM - STEP * names.len() as f64;
    for (at, (place, who, colour)) in names.iter().enumerate() {
        // Not above its neighbour, and leaving room for those below.
        let place = place.max(next).min(room + STEP * (at + 1) as f64);
        next = place + STEP;
        let left = WIDTH - RIGHT + 10.0;
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{place:.1}\" y2=\"{place:.1}\" stroke=\"{colour}\" \
             stroke-width=\"3\"/><text x=\"{}\" y=\"{:.1}\">{who}</text>",
            left + 16.0,
            left + 22.0,
            place + 4.0
        );
    }
}
