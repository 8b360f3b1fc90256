//! One suite that every transport passes.
//!
//! A backend supplies an async function that gives a connected [`Pair`], and
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each case:
//!
//! ```
//! use trunkline_testkit::conformance::{self, Pair};
//! use trunkline_transport::memory;
//!
//! async fn pair() -> Pair {
//!     let config = memory::Config { max_message: conformance::MAX_MESSAGE, ..Default::default() };
//!     let (near, far, link) = memory::pair(config);
//!     Pair { near, far, cut: Box::new(move || link.cut()) }
//! }
//!
//! trunkline_testkit::conformance_tests!(pair);
//! ```

use trunkline_transport::Connection;

mod closing;
mod datagrams;
mod moving;
mod waking;

pub use closing::*;
pub use datagrams::*;
pub use moving::*;
pub use waking::*;

/// The limit on messages that both ends of a [`Pair`] are made with, bytes.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Two connected ends.
pub struct Pair {
    /// One end; each case is also worth running with the ends swapped.
    pub near: Connection,
    /// The other end.
    pub far: Connection,
    /// Breaks the link without a close.
    pub cut: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("near", &self.near)
            .finish_non_exhaustive()
    }
}

impl Pair {
    /// The same with the ends swapped.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self {
            near: self.far,
            far: self.near,
            cut: self.cut,
        }
    }
}

/// Makes a test of each case of the suite, for a backend's async function that gives a
/// [`Pair`](crate::conformance::Pair). Use it once a module.
#[macro_export]
macro_rules! conformance_tests {
    ($pair:path) => {
        $crate::conformance_tests! { @each $pair:
            messages_arrive_whole_in_order_and_of_their_kind,
            every_size_up_to_the_limit_arrives,
            parts_arrive_as_one_message,
            message_over_the_limit_is_a_violation_that_the_peer_learns_of,
            lowered_limit_holds_for_the_next_message,
            many_messages_leave_in_one_flush,
            blocked_write_does_not_stall_reads_and_loses_nothing,
            bytes_written_are_the_bytes_received,
            close_arrives_with_code_and_reason_behind_what_was_sent,
            long_close_reason_is_cut_at_a_character_boundary,
            closing_twice_is_one_close,
            close_that_crosses_a_close_ends_both,
            calls_after_the_end_change_nothing,
            cut_link_ends_both_sides_as_cut,
            dropped_end_is_a_cut_behind_what_was_sent,
            flush_from_another_thread_wakes_the_connections_task,
            many_flushes_in_one_turn_all_write,
            waiting_receiver_is_woken_by_a_message,
        }
    };
    (@each $pair:path: $($case:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::drive::within_limit($crate::conformance::$case($pair().await)).await;
            }
        )*
    };
}

/// Makes a test of each case on datagrams, for a backend that has them; otherwise as
/// [`conformance_tests!`](crate::conformance_tests), and beside it.
#[macro_export]
macro_rules! datagram_conformance_tests {
    ($pair:path) => {
        $crate::conformance_tests! { @each $pair:
            datagrams_arrive_whole_both_ways,
            datagram_has_the_bytes_of_its_parts,
            datagram_of_the_largest_size_arrives_and_one_byte_more_is_refused,
            datagrams_pass_a_blocked_message_channel,
            sender_is_not_ready_while_the_link_has_no_room,
            waiting_receiver_is_woken_by_a_datagram,
            datagrams_do_not_count_as_received,
            datagram_after_the_end_has_no_effect,
            end_shows_at_the_datagrams_too,
        }
    };
}
