//! A server's stats as a list of figures, for whatever shows or collects them.

use trunkline_protocol::{Code, Drops};

use crate::{Flow, Ignored, Stats};

/// One number of [`Stats`], with all that a collector of metrics wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// Its name, such as `events_received`. It stays what it is from one release to the next.
    pub name: &'static str,
    /// Whether it only goes up.
    pub kind: FigureKind,
    /// What tells it from others of its name, such as `("code", "1000")`.
    pub label: Option<(&'static str, String)>,
    /// The number.
    pub value: u64,
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FigureKind {
    /// It counts since the server was built, and only goes up.
    Counter,
    /// It is as it is at the moment.
    Gauge,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Things: sessions, events, drops.
    Count,
    /// Bytes.
    Bytes,
}

impl Stats {
    /// Every figure there is, for whatever shows or collects them. A figure with a label is there for
    /// each value that it has had, so that there may be none of its name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let gauges = [
            ("connections", self.connections),
            ("sessions", self.sessions),
            ("sessions_attached", self.sessions_attached),
            ("namespaces", self.namespaces),
            ("sockets", self.sockets),
            ("rooms", self.rooms),
            ("queued_bytes", self.queued_bytes),
            ("kept_bytes", self.kept_bytes),
            ("pending_acks", self.pending_acks),
        ];
        let counters = [
            ("connections_opened", self.connections_opened),
            ("sessions_begun", self.sessions_begun),
            ("resumes", self.resumes),
            ("refused_namespaces", self.refused_namespaces),
            ("handlers_failed", self.handlers_failed),
            ("handlers_panicked", self.handlers_panicked),
            ("lost_unconfirmed", self.lost_unconfirmed),
            ("lost_queued", self.lost_queued),
            ("dropped_events", self.dropped_events),
            ("discarded_events", self.discarded_events),
            ("aborted_handlers", self.aborted_handlers),
            ("unhandled_events", self.unhandled_events),
            ("upgrades_refused", self.upgrades_refused),
            ("authentications_refused", self.authentications_refused),
            ("authentications_failed", self.authentications_failed),
            ("credentials_expired", self.credentials_expired),
            ("refused_full", self.refused_full),
            ("refused_full_of_address", self.refused_full_of_address),
            ("refused_attempts", self.refused_attempts),
            ("refused_resumes", self.refused_resumes),
            ("closed_too_fast", self.closed_too_fast),
            ("refused_connects", self.refused_connects),
            ("refused_joins", self.refused_joins),
            ("forgotten_addresses", self.forgotten_addresses),
            ("connections_shed", self.connections_shed),
            ("accept_errors", self.accept_errors),
            ("handshakes_full", self.handshakes_full),
            ("handshakes_failed", self.handshakes_failed),
        ];
        let mut figures = Vec::new();
        figures.extend(gauges.map(|(name, value)| Figure::gauge(name, value as u64)));
        figures.extend(counters.map(|(name, value)| Figure::counter(name, value)));
        figures.extend(traffic(&self.received, &self.sent));
        figures.extend(unsent(&self.unsent_best_effort));
        figures.extend(ignored(&self.ignored_best_effort));
        figures.extend(by_code("connections_refused", &self.connections_refused));
        figures.extend(by_code("connections_closed", &self.connections_closed));
        figures.extend(self.resumes_refused.iter().map(|(reason, count)| {
            let figure = Figure::counter("resumes_refused", *count);
            figure.labelled("reason", (*reason).to_owned())
        }));
        figures
    }
}

impl Figure {
    fn gauge(name: &'static str, value: u64) -> Self {
        Self {
            kind: FigureKind::Gauge,
            ..Self::counter(name, value)
        }
    }

    fn counter(name: &'static str, value: u64) -> Self {
        Self {
            name,
            kind: FigureKind::Counter,
            label: None,
            value,
        }
    }

    fn labelled(self, name: &'static str, value: String) -> Self {
        Self {
            label: Some((name, value)),
            ..self
        }
    }

    /// What it counts, in a few words.
    #[must_use]
    pub fn help(&self) -> &'static str {
        let found = HELP.iter().find(|(name, _)| *name == self.name);
        found.map_or("", |(_, help)| help)
    }

    /// What it is counted in. What is counted in bytes says so in its name.
    #[must_use]
    pub fn unit(&self) -> Unit {
        if self.name.starts_with("bytes_") || self.name.ends_with("_bytes") {
            Unit::Bytes
        } else {
            Unit::Count
        }
    }
}

fn traffic(received: &Flow, sent: &Flow) -> [Figure; 8] {
    [
        ("events_received", received.events),
        ("events_sent", sent.events),
        ("answers_received", received.answers),
        ("answers_sent", sent.answers),
        ("best_effort_received", received.best_effort),
        ("best_effort_sent", sent.best_effort),
        ("bytes_received", received.bytes),
        ("bytes_sent", sent.bytes),
    ]
    .map(|(name, value)| Figure::counter(name, value))
}

fn unsent(drops: &Drops) -> impl Iterator<Item = Figure> {
    let causes = [
        ("not-connected", drops.not_connected),
        ("busy", drops.busy),
        ("queue-full", drops.queue_full),
        ("conflated", drops.conflated),
        ("expired", drops.expired),
        ("too-large", drops.too_large),
    ];
    by_cause("unsent_best_effort", causes)
}

fn ignored(ignored: &Ignored) -> impl Iterator<Item = Figure> {
    let causes = [
        ("not-connected", ignored.not_connected),
        ("stale", ignored.stale),
        ("malformed", ignored.malformed),
        ("unknown-event", ignored.unknown_event),
        ("busy", ignored.busy),
        ("conflated", ignored.conflated),
    ];
    by_cause("ignored_best_effort", causes)
}

fn by_cause(
    name: &'static str,
    causes: impl IntoIterator<Item = (&'static str, u64)>,
) -> impl Iterator<Item = Figure> {
    causes.into_iter().map(move |(cause, count)| {
        let figure = Figure::counter(name, count);
        figure.labelled("cause", cause.to_owned())
    })
}

fn by_code(name: &'static str, counts: &[(Code, u64)]) -> impl Iterator<Item = Figure> {
    counts.iter().map(move |(code, count)| {
        let figure = Figure::counter(name, *count);
        figure.labelled("code", code.number().to_string())
    })
}

/// What each figure counts.
const HELP: [(&str, &str); 50] = [
    ("connections", "Connections, also in their handshake"),
    ("sessions", "Sessions, attached or not"),
    ("sessions_attached", "Sessions with a connection"),
    ("namespaces", "Namespaces, of patterns too"),
    (
        "refused_namespaces",
        "Namespaces of patterns beyond their limit",
    ),
    ("sockets", "Sessions in namespaces"),
    ("rooms", "Rooms that anybody is in"),
    ("queued_bytes", "Bytes that wait for clients"),
    ("kept_bytes", "Bytes kept until clients confirm them"),
    ("pending_acks", "Acks that clients owe"),
    ("connections_opened", "Connections that came in"),
    ("sessions_begun", "Sessions that began"),
    ("resumes", "Times that a session was resumed"),
    ("handlers_failed", "Handlers that failed without meaning to"),
    ("handlers_panicked", "Handlers that panicked"),
    ("lost_unconfirmed", "Unconfirmed frames of ended sessions"),
    ("lost_queued", "Unsent frames of ended sessions"),
    ("dropped_events", "Events dropped by overflow policies"),
    (
        "unsent_best_effort",
        "Best-effort events to clients that were dropped",
    ),
    ("connections_refused", "Connections refused"),
    ("connections_closed", "Connections that ended"),
    ("events_received", "Events from clients"),
    ("events_sent", "Events to clients"),
    ("answers_received", "Answers from clients"),
    ("answers_sent", "Answers to clients"),
    ("best_effort_received", "Best-effort events from clients"),
    ("best_effort_sent", "Best-effort events to clients"),
    ("bytes_received", "Bytes from clients, with framing"),
    ("bytes_sent", "Bytes to clients, with framing"),
    ("resumes_refused", "Resumes refused"),
    ("discarded_events", "Events unsent when their client left"),
    (
        "ignored_best_effort",
        "Best-effort events of clients that were dropped",
    ),
    (
        "aborted_handlers",
        "Handlers ended since they outlived their socket",
    ),
    (
        "unhandled_events",
        "Events that waited behind a handler which outlived their socket",
    ),
    ("upgrades_refused", "Requests refused before the upgrade"),
    ("authentications_refused", "Credentials refused"),
    (
        "authentications_failed",
        "Credentials not judged, by a failure",
    ),
    (
        "credentials_expired",
        "Sessions ended for want of fresh credentials",
    ),
    ("refused_full", "Connections refused, the server being full"),
    (
        "refused_full_of_address",
        "Connections refused, their address having enough",
    ),
    (
        "refused_attempts",
        "Connections of addresses that try too often",
    ),
    (
        "refused_resumes",
        "Resumes of addresses that failed too often",
    ),
    (
        "closed_too_fast",
        "Connections that brought too much at once",
    ),
    ("refused_connects", "CONNECTs of clients that ask too often"),
    ("refused_joins", "Joins of clients that ask too often"),
    (
        "forgotten_addresses",
        "Addresses forgotten in a full ledger",
    ),
    (
        "connections_shed",
        "Connections turned away for want of descriptors",
    ),
    ("accept_errors", "Errors of listening sockets"),
    ("handshakes_full", "Times that handshakes had no place left"),
    (
        "handshakes_failed",
        "Handshakes that failed or took too long",
    ),
];

#[cfg(test)]
mod tests {
    use crate::Server;

    #[test]
    fn every_field_of_the_stats_is_a_figure() {
        let mut stats = Server::new().stats();
        stats.connections_closed = vec![(crate::Code::NORMAL, 3)];
        stats.connections_refused = vec![(crate::Code::UNAUTHORIZED, 2)];
        let figures = stats.figures();
        let shown = format!("{stats:#?}");
        let fields = shown.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("    ")?.split_once(": ")?;
            (!name.starts_with(' ')).then_some(name)
        });
        let mut count = 0;
        // Of both directions there are several figures each.
        for field in fields.filter(|field| !["received", "sent"].contains(field)) {
            count += 1;
            assert!(figures.iter().any(|figure| figure.name == field), "{field}");
        }
        assert!(count > 15, "{shown}");
    }

    #[test]
    fn every_figure_says_what_it_counts_and_no_name_is_taken_twice() {
        let mut stats = Server::new().stats();
        stats.connections_closed = vec![(crate::Code::NORMAL, 3)];
        stats.connections_refused = vec![(crate::Code::UNAUTHORIZED, 2)];
        let figures = stats.figures();
        assert!(figures.iter().all(|figure| !figure.help().is_empty()));
        let mut names: Vec<_> = figures
            .iter()
            .map(|figure| (figure.name, figure.label.clone()))
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), figures.len());
        assert_eq!(
            super::HELP.len() + 3 + 5 + 5,
            figures.len(),
            "four reasons, one name; six causes, one name, twice"
        );
        let closed = figures
            .iter()
            .find(|figure| figure.name == "connections_closed");
        assert_eq!(closed.unwrap().label, Some(("code", "1000".to_owned())));
    }
}
