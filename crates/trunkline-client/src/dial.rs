//! Dialling: credentials, and a race of transports.
//!
//! Specification: session.md, SES-038; security.md, SEC-016.

use std::pin::pin;

use tokio::time::{Instant, timeout, timeout_at};
use trunkline_driver::Ended;
use trunkline_protocol::{Close, Code, Encoding};
use trunkline_transport::{Connection, DialError, DialRequest, TransportKind};

use crate::address::Address;
use crate::attempt::Trouble;
use crate::shared::Shared;
use crate::stats::count;
use crate::transports::{Candidate, HEAD_START};
use crate::{Credentials, Occasion};

/// A connection on which nothing was said yet.
pub(crate) struct Dialled {
    pub(crate) connection: Connection,
    pub(crate) encoding: Encoding,
    pub(crate) credentials: Credentials,
    /// The address that the attempt was for, whatever URL its transport has.
    pub(crate) address: Address,
    /// Why it is not the transport that was dialled first.
    pub(crate) passed_over: Option<String>,
}

/// Dials for an attempt: all candidates with the same credentials, since only one of them gets to say
/// HELLO with them.
pub(crate) async fn dial(
    shared: &Shared,
    address: &Address,
    candidates: &[Candidate],
) -> Result<Dialled, Trouble> {
    // The settings' for all of a client's sessions, and so the session's that is resumed.
    let encoding = shared.config.settings.encoding;
    let credentials = fetch(shared).await?;
    let (connection, passed_over) = tokio::select! {
        biased;
        () = shared.closing() => return Err(Trouble::Closing),
        dialled = race(shared, encoding, candidates, &credentials) => dialled?,
    };
    if let Some(why) = &passed_over {
        tracing::info!(transport = %connection.transport, why, "another transport was passed over");
    }
    let connection = match &shared.config.settings.tap {
        Some(tap) => tap.on(connection),
        None => connection,
    };
    check_protocol(&connection, encoding)?;
    Ok(Dialled {
        connection,
        encoding,
        credentials,
        address: address.clone(),
        passed_over,
    })
}

/// The credentials for one attempt.
async fn fetch(shared: &Shared) -> Result<Credentials, Trouble> {
    let limit = shared.config.settings.credentials_timeout;
    let fetched = tokio::select! {
        biased;
        () = shared.closing() => return Err(Trouble::Closing),
        fetched = shared.config.credentials.fetch(Occasion::Dial, limit) => fetched,
    };
    fetched.map_err(Trouble::Credentials)
}

/// Dials the first candidate, and the second after the head start or at once when the first fails.
/// Whichever connects first wins; the other is given up without a word. Gives the connection, and why
/// it is not the first's.
async fn race(
    shared: &Shared,
    encoding: Encoding,
    candidates: &[Candidate],
    credentials: &Credentials,
) -> Result<(Connection, Option<String>), Trouble> {
    let begin = |candidate| dial_one(shared, encoding, candidate, credentials);
    let (former, latter) = match candidates {
        [] => return Err(Trouble::Race(Vec::new())),
        [only] => return begin(only).await.map(|connection| (connection, None)),
        // No more than two transports are made for the network.
        [former, latter, ..] => (former, latter),
    };
    let kinds = (former.transport(), latter.transport());
    let neither = |first, second| Trouble::Race(vec![(kinds.0, first), (kinds.1, second)]);
    let why = |trouble: &dyn std::fmt::Display| Some(format!("{}: {trouble}", kinds.0));
    let (mut first, mut second) = (pin!(begin(former)), pin!(begin(latter)));
    let head_start = Instant::now() + HEAD_START;
    let ahead = match timeout_at(head_start, first.as_mut()).await {
        Ok(Ok(connection)) => return Ok((connection, None)),
        Ok(Err(trouble)) => Some(trouble),
        Err(_elapsed) => None,
    };
    let first_trouble = match ahead {
        Some(trouble) => trouble,
        None => tokio::select! {
            biased;
            dialled = first.as_mut() => match dialled {
                Ok(connection) => return Ok((connection, None)),
                Err(trouble) => trouble,
            },
            dialled = second.as_mut() => match dialled {
                Ok(connection) => {
                    let late = format!("no connection within {} ms", head_start_ms());
                    return Ok((connection, why(&late)));
                }
                Err(second_trouble) => {
                    return match first.await {
                        Ok(connection) => Ok((connection, None)),
                        Err(first_trouble) => Err(neither(first_trouble, second_trouble)),
                    };
                }
            },
        },
    };
    match second.await {
        Ok(connection) => Ok((connection, why(&first_trouble))),
        Err(second_trouble) => Err(neither(first_trouble, second_trouble)),
    }
}

/// Dials one transport, for no longer than the settings let it take.
async fn dial_one(
    shared: &Shared,
    encoding: Encoding,
    candidate: &Candidate,
    credentials: &Credentials,
) -> Result<Connection, Trouble> {
    let settings = &shared.config.settings;
    let mut headers = settings.headers.clone();
    for (name, value) in &credentials.headers {
        headers.append(name, value.clone());
    }
    let address = &candidate.address;
    let request = DialRequest {
        url: address
            .clone()
            .with_query(&credentials.query)
            .as_str()
            .to_owned(),
        protocols: vec![encoding.subprotocol().to_owned()],
        headers,
        max_message: settings.limits.frame as usize,
        proxy: settings.proxy.clone(),
        certificate_hashes: candidate.hashes.clone(),
    };
    tracing::debug!(?address, transport = %candidate.transport(), "dialling");
    count(&shared.counters.dials);
    let dialled = timeout(settings.dial_timeout, candidate.dialer.dial(&request)).await;
    dialled
        .map_err(|_elapsed| Trouble::DialTimeout)?
        .map_err(Trouble::Dial)
}

fn check_protocol(connection: &Connection, encoding: Encoding) -> Result<(), Trouble> {
    if connection.protocol == encoding.subprotocol() {
        return Ok(());
    }
    let reason = format!("the server speaks {:?}", connection.protocol);
    if connection.protocol.starts_with("trunkline.") {
        let close = Close::new(Code::UNSUPPORTED_VERSION, reason);
        return Err(Trouble::Greeting(Ended::ByPeer(Box::new(close))));
    }
    Err(Trouble::Dial(DialError::Handshake(reason)))
}

/// What each transport of a race came to.
pub(crate) fn show_race(
    failures: &[(TransportKind, Trouble)],
    f: &mut std::fmt::Formatter<'_>,
) -> std::fmt::Result {
    if failures.is_empty() {
        return f.write_str("no transport to dial with");
    }
    for (number, (transport, trouble)) in failures.iter().enumerate() {
        let separator = if number == 0 { "" } else { "; " };
        write!(f, "{separator}{transport}: {trouble}")?;
    }
    Ok(())
}

const fn head_start_ms() -> u128 {
    HEAD_START.as_millis()
}
