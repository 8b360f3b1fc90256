//! Certificates in use: what a server presents, whom a client believes, and what a bad file does.
#![allow(clippy::unwrap_used, reason = "also the helpers here are tests")]

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};
use trunkline_tls::{
    Certificate, CertificateError, MAX_FILE_BYTES, Trust, TrustError, client_config, server_config,
};

/// The two PEM files of a server, each test's own.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    /// Files with a fresh pair in them.
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        fs::create_dir_all(&folder).unwrap();
        let files = Self {
            chain: folder.join("chain.pem"),
            key: folder.join("key.pem"),
        };
        files.renew();
        files
    }

    /// Another pair instead; gives the certificate.
    fn renew(&self) -> String {
        let (chain, key) = pair();
        fs::write(&self.chain, &chain).unwrap();
        fs::write(&self.key, key).unwrap();
        chain
    }

    fn load(&self) -> Certificate {
        Certificate::from_pem_files(&self.chain, &self.key).unwrap()
    }

    fn chain(&self) -> String {
        fs::read_to_string(&self.chain).unwrap()
    }
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn trusting(pem: &str) -> Trust {
    Trust::nobody().with_pem(pem.as_bytes()).unwrap()
}

/// Shakes hands in memory: what the client makes of the server.
fn shake_hands(
    certificate: &Certificate,
    trust: &Trust,
    name: &'static str,
) -> Result<(), rustls::Error> {
    let config = client_config(trust, &[b"http/1.1"]).unwrap();
    let name = ServerName::try_from(name).unwrap();
    let mut client = ClientConnection::new(config, name).unwrap();
    let mut server = ServerConnection::new(server_config(certificate, &[b"http/1.1"])).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut &wire[..]).unwrap();
        // What the client refuses is the client's to say.
        let _ = server.process_new_packets();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut &wire[..]).unwrap();
        client.process_new_packets()?;
    }
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(())
}

fn is_presented(certificate: &Certificate, pem: &str) -> bool {
    shake_hands(certificate, &trusting(pem), "localhost").is_ok()
}

#[test]
fn a_reload_presents_the_new_certificate_to_all_clones() {
    let files = Files::new("reload");
    let certificate = files.load();
    let (clone, before) = (certificate.clone(), files.chain());
    assert!(is_presented(&clone, &before));
    let after = files.renew();
    assert!(is_presented(&clone, &before), "not before the reload");
    certificate.reload().unwrap();
    assert!(is_presented(&clone, &after));
    assert!(!is_presented(&clone, &before));
}

#[test]
fn files_that_turn_bad_leave_the_old_certificate_in_use() {
    let files = Files::new("bad");
    let certificate = files.load();
    let good = files.chain();
    let (stranger, _) = pair();
    let large = "x".repeat(MAX_FILE_BYTES as usize + 1);
    let garbled = good.replace("MII", "!!!");
    let cases = [
        ("", "no usable certificate"),
        ("no PEM at all", "no usable certificate"),
        (&good[..good.len() / 2], "no usable certificate"),
        (&garbled, "no usable certificate"),
        (&stranger, "is not that of the certificate"),
        (&large, "over 1048576 bytes"),
    ];
    let count = cases.len() as u64;
    for (content, expected) in cases {
        fs::write(&files.chain, content).unwrap();
        let error = certificate.reload().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(is_presented(&certificate, &good), "after: {error}");
    }
    fs::remove_file(&files.chain).unwrap();
    let error = certificate.reload().unwrap_err();
    assert!(error.to_string().contains("chain.pem"), "{error}");
    assert!(is_presented(&certificate, &good));
    assert_eq!(certificate.failed_reloads(), count + 1);
}

#[test]
fn a_bad_key_is_named_and_not_shown() {
    let files = Files::new("key");
    let certificate = files.load();
    let key = fs::read_to_string(&files.key).unwrap();
    let body = key.lines().nth(1).unwrap();
    for content in [
        key.replace("PRIVATE", "SECRET"),
        key[..key.len() - 30].to_owned(),
        key.replace("MI", "AA"),
    ] {
        fs::write(&files.key, content).unwrap();
        let error = certificate.reload().unwrap_err();
        assert!(matches!(error, CertificateError::Key { .. }), "{error}");
        let shown = format!("{error} {error:?} {certificate:?}");
        assert!(!shown.contains(&body[10..40]), "{shown}");
    }
    assert!(is_presented(&certificate, &files.chain()));
}

#[test]
fn a_self_signed_certificate_is_believed_only_where_it_is_trusted_and_by_its_names() {
    let certificate = Certificate::self_signed(["localhost", "127.0.0.1"]).unwrap();
    let trust = Trust::nobody().with_certificate(&certificate);
    for name in ["localhost", "127.0.0.1"] {
        shake_hands(&certificate, &trust, name).unwrap();
    }
    let error = shake_hands(&certificate, &trust, "example.org").unwrap_err();
    assert!(error.to_string().contains("example.org"), "{error}");
    let (stranger, _) = pair();
    let error = shake_hands(&certificate, &trusting(&stranger), "localhost").unwrap_err();
    assert!(
        matches!(error, rustls::Error::InvalidCertificate(_)),
        "{error}"
    );
    certificate.reload().unwrap();
}

#[test]
fn what_is_no_authority_is_refused_at_once() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
    ] {
        let error = Trust::nobody().with_pem(pem.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Authority { .. }), "{error}");
    }
    let error = Trust::nobody()
        .with_pem_file("/nowhere/ca.pem")
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
    let error = client_config(&Trust::nobody(), &[]).unwrap_err();
    assert!(error.to_string().contains("ca-certificates"), "{error}");
    let error = Certificate::self_signed(["not a name\u{e9}"]).unwrap_err();
    assert!(
        matches!(error, CertificateError::SelfSigned { .. }),
        "{error}"
    );
}
