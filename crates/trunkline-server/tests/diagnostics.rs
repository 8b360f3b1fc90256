//! What the compiler tells somebody whose handler is none, word by word.
//!
//! After a change that is meant: `TRYBUILD=overwrite cargo test -p trunkline-server --test diagnostics`.

#[test]
fn a_mistake_in_a_handler_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/diagnostics/*.rs");
}
