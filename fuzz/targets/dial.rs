//! See `trunkline_fuzz::dial`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_fuzz::dial::run(data));
