//! A certificate that turns bad while it is in use.

use std::fs;
use std::path::Path;

use trunkline::server::Certificate;

use crate::log;

#[tokio::test]
async fn a_certificate_that_turns_bad_is_told_in_the_log_and_stays_out_of_use() {
    log::capture();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("turns-bad");
    fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
    fs::write(&chain, &made.cert.pem()[..100]).unwrap();
    let error = certificate.reload().unwrap_err();
    assert!(error.to_string().contains("chain.pem"), "{error}");
    log::says(
        "ERROR",
        "certificate not reloaded: the one before stays in use",
    )
    .await;
    log::says("turns-bad", "no usable certificate").await;
    assert_eq!(certificate.failed_reloads(), 1);
}
