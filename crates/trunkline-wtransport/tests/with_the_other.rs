//! The two libraries understand each other, as two foreign stacks do; but for codes of closes, since
//! wtransport neither sends nor shows what carries them.

macro_rules! understands {
    ($pair:path) => {
        trunkline_testkit::conformance_tests! { @each $pair:
            messages_arrive_whole_in_order_and_of_their_kind,
            every_size_up_to_the_limit_arrives,
            parts_arrive_as_one_message,
            many_messages_leave_in_one_flush,
            blocked_write_does_not_stall_reads_and_loses_nothing,
            bytes_written_are_the_bytes_received,
            message_over_the_limit_is_a_violation_that_the_peer_learns_of,
            close_that_crosses_a_close_ends_both,
            cut_link_ends_both_sides_as_cut,
            dropped_end_is_a_cut_behind_what_was_sent,
            datagrams_arrive_whole_both_ways,
            datagram_of_the_largest_size_arrives_and_one_byte_more_is_refused,
            datagrams_pass_a_blocked_message_channel,
        }
    };
}

mod wtransport_dials {
    use trunkline_testkit::{conformance, webtransport};
    use trunkline_webtransport::WebTransportQuinn;
    use trunkline_wtransport::Wtransport;

    async fn pair() -> conformance::Pair {
        webtransport::connected::<Wtransport, WebTransportQuinn>().await
    }

    understands!(pair);
}

mod wtransport_accepts {
    use trunkline_testkit::{conformance, webtransport};
    use trunkline_webtransport::WebTransportQuinn;
    use trunkline_wtransport::Wtransport;

    async fn pair() -> conformance::Pair {
        webtransport::connected::<WebTransportQuinn, Wtransport>().await
    }

    understands!(pair);
}
