//! Each rule of a resume is needed: leave it out, and some seed breaks a promise.
//!
//! This also shows that the simulation can fail.

mod common;

use common::{Rule, run};
use trunkline_netem::Seed;

/// Among so many seeds each missing rule must be noticed.
const SEEDS: u64 = 400;

/// The first seed that fails without the rule, and how.
fn first_failure(rule: Rule) -> String {
    let failure = (0..SEEDS).find_map(|number| {
        let seed = Seed::new(number);
        run(seed, Some(rule))
            .err()
            .map(|problem| format!("seed {seed}: {problem}"))
    });
    failure.unwrap_or_else(|| panic!("{SEEDS} seeds do without the rule {rule:?}"))
}

#[track_caller]
fn assert_fails(rule: Rule, with: &str) {
    let failure = first_failure(rule);
    assert!(failure.contains(with), "{failure}");
}

#[test]
fn a_client_that_does_not_wait_for_welcome_at_a_resume_breaks_the_order() {
    assert_fails(Rule::SilenceUntilWelcome, "violation");
}

#[test]
fn a_client_that_does_not_raise_attach_can_not_come_back() {
    assert_fails(Rule::AttachIsRaised, "newest attempt");
}

#[test]
fn a_server_that_takes_a_stale_attach_lets_an_old_connection_win() {
    assert_fails(Rule::AttachMustRise, "is superseded by");
}

#[test]
fn a_server_that_believes_hello_alone_loses_a_session_at_a_switch() {
    assert_fails(Rule::GreaterReceipt, "lost at the Client without a cause");
}

#[test]
fn a_rotating_secret_is_lost_with_a_lost_welcome() {
    assert_fails(Rule::FixedSecret, "lost at the Client without a cause");
}

#[test]
fn bad_content_that_is_not_counted_comes_again_at_every_resume() {
    assert_fails(Rule::BadContentCounts, "not settled");
}

#[test]
fn a_server_that_pings_only_when_idle_lets_a_client_of_datagrams_starve() {
    assert_fails(
        Rule::PingWhateverTheTraffic,
        "on a whole connection for dead",
    );
}
