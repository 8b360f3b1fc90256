//! The guide's code, compiled and run. `cargo xtask tidy` checks that no chapter is left out.

macro_rules! chapter {
    ($name:ident, $path:literal) => {
        #[doc = include_str!(concat!("../../../docs/guide/src/", $path))]
        struct $name;
    };
}

chapter!(FirstChat, "tutorial/first-chat.md");
chapter!(Acks, "how-to/acks.md");
chapter!(Rooms, "how-to/rooms.md");
chapter!(Delivery, "how-to/delivery.md");
chapter!(Datagrams, "how-to/datagrams.md");
chapter!(Reconnecting, "how-to/reconnecting.md");
chapter!(Transports, "how-to/transports.md");
chapter!(Authentication, "how-to/authentication.md");
chapter!(Mounting, "how-to/mounting.md");
chapter!(Proxies, "how-to/proxies.md");
chapter!(Tls, "how-to/tls.md");
chapter!(Draining, "how-to/draining.md");
chapter!(Testing, "how-to/testing.md");
chapter!(Observing, "how-to/observing.md");
chapter!(Order, "explanation/order.md");
chapter!(Sizing, "explanation/sizing.md");
chapter!(Limits, "reference/limits.md");
