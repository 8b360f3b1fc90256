//! Trunkline in an axum server, beside its own routes.
//!
//! | file | what it holds |
//! |---|---|
//! | `serve.rs` | [`serve()`]: the whole, up to its orderly end |
//! | `routes.rs` | [`routes()`]: the program's own pages, Trunkline's endpoint, health and readiness |
//! | `metrics.rs` | the server's counters for Prometheus |

mod metrics;
mod routes;
mod serve;

pub use routes::{handlers, routes};
pub use serve::serve;
