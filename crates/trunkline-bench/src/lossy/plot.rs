//! The ages as curves: which share of looks showed a position that was no older.

use std::fmt::Write as _;

use super::{Lossy, Way, compare::Series};
use crate::plot::escape;

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 48.0;

/// Ages beyond it are cut off, unless no curve reaches it, milliseconds.
const LONGEST_MS: f64 = 1_000.0;

impl Lossy {
    /// A curve for each way, of the medians of its rounds, with its 99th percentile marked.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut body = String::new();
        let mut draw = |text: String| writeln!(body, "{text}").expect("a string takes everything");
        let longest = self.series.iter().filter_map(|series| series.p99());
        let longest = longest.fold(0.0, f64::max) * 1.1;
        let axes = Axes {
            step: step(longest.min(LONGEST_MS)),
            longest: longest.clamp(1.0, LONGEST_MS),
        };
        let (game, loss, delay) = (&self.game, self.loss_percent, self.delay_ms);
        draw(format!(
            "<text x=\"{LEFT}\" y=\"22\" font-weight=\"bold\">Age of the newest position: share of looks that showed none older</text>"
        ));
        draw(format!(
            "<text x=\"{LEFT}\" y=\"40\" fill=\"#555\">{} players, {} positions a second each, {loss} % loss and {delay} ms each way; TCP: {}</text>",
            game.players,
            game.rate,
            escape(&self.tcp)
        ));
        axes.draw(&mut draw);
        for (number, series) in self.series.iter().enumerate() {
            self.curve(&axes, number, series, &mut draw);
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n{body}</svg>\n"
        )
    }

    fn curve(&self, axes: &Axes, number: usize, series: &Series, draw: &mut impl FnMut(String)) {
        let (colour, dashes) = style(series.way);
        let mut path = String::new();
        for (share, age) in series.curve() {
            if age <= axes.longest {
                let command = if path.is_empty() { 'M' } else { 'L' };
                let (x, y) = (axes.x(age), axes.y(share));
                write!(path, "{command}{x:.1} {y:.1}").expect("a string takes everything");
            }
        }
        draw(format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
        ));
        let p99 = series.p99().unwrap_or_default();
        if p99 <= axes.longest {
            let (x, y) = (axes.x(p99), axes.y(0.99));
            draw(format!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"
            ));
        }
        // In the lower right corner, where no curve is: they rise to the left of it.
        let y = HEIGHT - BOTTOM - 14.0 - 20.0 * (self.series.len() - 1 - number) as f64;
        let (line, text, middle) = (WIDTH - 420.0, WIDTH - 384.0, y - 4.5);
        let name = escape(&series.way.name().replace('`', ""));
        draw(format!(
            "<path d=\"M{line} {middle}h28\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
        ));
        draw(format!(
            "<text x=\"{text}\" y=\"{y}\" font-size=\"12\">{name}: p99 {p99:.0} ms</text>"
        ));
    }
}

impl Series {
    /// The medians of the rounds, at each share.
    fn curve(&self) -> Vec<(f64, f64)> {
        let Some(first) = self.outcomes.first() else {
            return Vec::new();
        };
        let shares = first.played.ages.curve.iter().map(|(share, _)| *share);
        let age = |at: usize| {
            let ages = self.outcomes.iter().filter_map(move |outcome| {
                let (_, age) = outcome.played.ages.curve.get(at)?;
                Some(*age)
            });
            crate::report::Spread::of(ages.collect()).map(|spread| spread.median)
        };
        shares
            .enumerate()
            .filter_map(|(at, share)| Some((share, age(at)?)))
            .collect()
    }

    fn p99(&self) -> Option<f64> {
        self.spread(|outcome| outcome.played.ages.p99_ms)
            .map(|spread| spread.median)
    }
}

struct Axes {
    longest: f64,
    step: f64,
}

impl Axes {
    fn x(&self, age: f64) -> f64 {
        LEFT + age / self.longest * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, share: f64) -> f64 {
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn draw(&self, draw: &mut impl FnMut(String)) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for percent in [0, 25, 50, 75, 99] {
            let y = self.y(f64::from(percent) / 100.0);
            let (label, text) = (LEFT - 8.0, y + 4.5);
            draw(format!(
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{label}\" y=\"{text:.1}\" text-anchor=\"end\">{percent} %</text>"
            ));
        }
        let mut age = 0.0;
        while age <= self.longest {
            let (x, text) = (self.x(age), bottom + 18.0);
            draw(format!(
                "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"#eee\"/><text x=\"{x:.1}\" y=\"{text}\" text-anchor=\"middle\">{age}</text>"
            ));
            age += self.step;
        }
        let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 8.0);
        draw(format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">age, ms</text>"
        ));
    }
}

/// What is between two labels of an axis that ends at `longest`: six to twelve of them.
fn step(longest: f64) -> f64 {
    let steps = [5.0, 10.0, 25.0, 50.0, 100.0];
    let fits = |step: &f64| longest / step <= 12.0;
    steps.into_iter().find(fits).unwrap_or(LONGEST_MS / 5.0)
}

fn style(way: Way) -> (&'static str, &'static str) {
    match way {
        Way::WebSocket => ("#d8733b", "none"),
        Way::WebTransport => ("#3b7dd8", "none"),
        Way::Wtransport => ("#3b7dd8", "6 4"),
        Way::WebSocketReliable => ("#d8733b", "2 3"),
        Way::WebTransportReliable => ("#3b7dd8", "2 3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rounds over WebSocket with these 99th percentiles.
    fn lossy(p99: [f64; 2]) -> Lossy {
        let outcome = |p99: f64| {
            format!(
                r#"{{"ages": {{"median_ms": 70.0, "p99_ms": {p99}, "max_ms": 500.0, "count": 9,
                    "curve": [[0.0, 60.0], [0.5, 70.0], [0.99, {p99}], [1.0, 5000.0]]}},
                    "on_arrival": {{"median_ms": 60.0, "p99_ms": 61.0, "max_ms": 62.0, "count": 9}},
                    "arrived": 1.0, "load": 0.1, "server_load": 0.1,
                    "packets_to_server": 1, "packets_to_players": 1}}"#
            )
        };
        let outcomes = p99.map(outcome).join(",");
        let json = format!(
            r#"{{"machine": {{"processor": "p", "cores": 2, "memory_bytes": 1, "kernel": "k",
                "load_average": "0"}}, "loss_percent": 2.0, "delay_ms": 30.0, "bandwidth_mbit": null,
                "tcp": "<cubic>", "game": {{"players": 20, "rate": 30, "seconds": 1}},
                "series": [{{"way": "websocket", "control": "default", "outcomes": [{outcomes}]}}]}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_curve_has_the_medians_of_the_rounds_and_ends_at_the_edge() {
        let lossy = lossy([200.0, 300.0]);
        let curve = lossy.series[0].curve();
        assert_eq!(curve[2], (0.99, 250.0));
        let svg = lossy.to_svg();
        assert!(svg.contains("latest over WebSocket: p99 250 ms"), "{svg}");
        assert!(svg.contains("&lt;cubic>") && !svg.contains("5000"), "{svg}");
    }

    #[test]
    fn an_axis_has_some_labels_and_not_many() {
        for longest in [30.0, 120.0, 300.0, 700.0, 1_000.0] {
            let labels = longest / step(longest);
            assert!((4.0..=12.0).contains(&labels), "{longest}: {labels}");
        }
    }
}
