//! A run's figures as bars: one SVG from the JSON of a comparison.

use std::fmt::Write;

use serde::Deserialize;

use crate::{measure::Figure, report::Spread};

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const LABELS: f64 = 170.0;
const VALUES: f64 = 150.0;
const BAR: f64 = 18.0;
const ROW: f64 = 26.0;
const TITLE: f64 = 34.0;
const MARGIN: f64 = 14.0;

/// What is read of a run: what [`Report`](crate::report::Report) writes as JSON.
#[derive(Debug, Deserialize)]
pub struct Run {
    series: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    peer: String,
    figure: Figure,
    outcomes: Vec<Cost>,
}

/// Of all that is measured in a round, what servers are compared by.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cost {
    Processor { server_cpu_us: f64 },
    Memory { bytes_per_connection: f64 },
}

impl Cost {
    fn value(&self) -> f64 {
        match self {
            Self::Processor { server_cpu_us } => *server_cpu_us,
            Self::Memory {
                bytes_per_connection,
            } => bytes_per_connection / 1e3,
        }
    }
}

impl Run {
    /// Bars of the medians, a group for each figure, with a line from the least to the greatest
    /// round. Less is better everywhere.
    pub fn to_svg(&self) -> String {
        let mut body = String::new();
        let mut top = MARGIN;
        for figure in Figure::ALL {
            let bars: Vec<(&str, Spread)> = self
                .series
                .iter()
                .filter(|line| line.figure == figure)
                .filter_map(|line| {
                    let costs = line.outcomes.iter().map(Cost::value).collect();
                    Some((&*line.peer, Spread::of(costs)?))
                })
                .collect();
            if !bars.is_empty() {
                top = group(&mut body, figure, &bars, top);
            }
        }
        let height = top + MARGIN;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n{body}</svg>\n"
        )
    }
}

/// Draws one figure's bars and returns where the next one begins.
fn group(body: &mut String, figure: Figure, bars: &[(&str, Spread)], top: f64) -> f64 {
    let (title, unit) = title(figure);
    let longest = bars.iter().map(|(_, it)| it.greatest).fold(0.0, f64::max);
    let scale = (WIDTH - LABELS - VALUES) / longest.max(f64::MIN_POSITIVE);
    let mut draw = |text: String| writeln!(body, "{text}").expect("a string takes everything");
    let baseline = top + TITLE - 12.0;
    draw(format!(
        "<text x=\"{MARGIN}\" y=\"{baseline}\" font-weight=\"bold\">{title}, {unit}</text>"
    ));
    for (row, (peer, spread)) in bars.iter().enumerate() {
        let y = top + TITLE + row as f64 * ROW;
        let (middle, text) = (y + BAR / 2.0, y + BAR / 2.0 + 4.5);
        let end = |value: f64| LABELS + value * scale;
        let (label, length) = (LABELS - 8.0, spread.median * scale);
        let colour = colour(peer);
        let peer = escape(peer);
        draw(format!(
            "<text x=\"{label}\" y=\"{text}\" text-anchor=\"end\">{peer}</text>"
        ));
        draw(format!(
            "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
        ));
        let (least, greatest) = (end(spread.least), end(spread.greatest));
        draw(format!(
            "<path d=\"M{least:.1} {middle}H{greatest:.1}\" stroke=\"black\"/>"
        ));
        let after = greatest + 8.0;
        let median = spread.median;
        draw(format!(
            "<text x=\"{after:.1}\" y=\"{text}\">{median:.3}</text>"
        ));
    }
    top + TITLE + bars.len() as f64 * ROW + MARGIN
}

fn title(figure: Figure) -> (&'static str, &'static str) {
    match figure {
        Figure::OneBroadcast => (
            "Delivered message, one broadcast at a time",
            "µs of server CPU",
        ),
        Figure::OneSender => ("Delivered message, one sender", "µs of server CPU"),
        Figure::ManySenders => ("Delivered message, many senders", "µs of server CPU"),
        Figure::Acknowledged => ("Acknowledged event", "µs of server CPU"),
        Figure::Idle => ("Idle connection", "KB of resident memory"),
    }
}

fn colour(peer: &str) -> &'static str {
    if peer.starts_with("trunkline") {
        "#3b7dd8"
    } else {
        "#b8bcc4"
    }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(json: &str) -> String {
        serde_json::from_str::<Run>(json).unwrap().to_svg()
    }

    #[test]
    fn a_bar_is_as_long_as_its_median_beside_the_greatest_value() {
        let svg = svg(r#"{"series": [
                {"peer": "room", "base": "room", "figure": "idle", "outcomes":
                    [{"connections": 1, "bytes_per_connection": 2000.0}]},
                {"peer": "other <1>", "base": "room", "figure": "idle", "outcomes":
                    [{"connections": 1, "bytes_per_connection": 1000.0}]}
            ]}"#);
        let whole = WIDTH - LABELS - VALUES;
        assert!(svg.contains(&format!("width=\"{whole:.1}\"")), "{svg}");
        assert!(
            svg.contains(&format!("width=\"{:.1}\"", whole / 2.0)),
            "{svg}"
        );
        assert!(svg.contains("other &lt;1>") && svg.contains("Idle connection, KB"));
    }

    #[test]
    fn figures_that_were_not_measured_have_no_group() {
        let svg = svg(
            r#"{"series": [{"peer": "room", "base": "room", "figure": "acknowledged",
                "outcomes": [{"server_cpu_us": 5.0, "count": 3}]}]}"#,
        );
        assert!(svg.contains("Acknowledged event") && !svg.contains("Idle connection"));
    }
}
