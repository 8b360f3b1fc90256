//! See `trunkline_fuzz::accept`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_fuzz::accept::run(data));
