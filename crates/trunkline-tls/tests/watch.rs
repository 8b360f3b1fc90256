//! Certificates that follow their files.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use trunkline_tls::Certificate;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn watching_tries_each_change_once_and_ends_with_the_last_other_handle() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch");
    fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Certificate::from_pem_files(&chain, &key).unwrap();
    let watching = tokio::spawn(certificate.clone().watch(MINUTE));

    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(
        (certificate.reloads(), certificate.failed_reloads()),
        (0, 0)
    );
    fs::write(&chain, "half a certif").unwrap();
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(
        (certificate.reloads(), certificate.failed_reloads()),
        (0, 1)
    );
    fs::write(&chain, made.cert.pem()).unwrap();
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(
        (certificate.reloads(), certificate.failed_reloads()),
        (1, 1)
    );

    drop(certificate);
    watching.await.unwrap();
}
