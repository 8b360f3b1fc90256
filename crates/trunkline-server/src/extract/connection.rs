//! What the session's first connection brought with it.

use std::net::SocketAddr;

use trunkline_driver::sync::Arc;

use crate::extract::Extract;
use crate::handler::Call;
use crate::{Failure, Handshake, Principal};

/// The address the session's first connection came from; none where the transport knows none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub Option<SocketAddr>);

impl<S> Extract<S> for PeerAddress {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(Self(call.socket().handshake().peer()))
    }
}

impl<S> Extract<S> for Arc<Handshake> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(Self::clone(call.socket().handshake()))
    }
}

impl<S> Extract<S> for Option<Principal> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(call.socket().principal())
    }
}

/// Fails as internal if the session acts on somebody's behalf whose value is of another type.
impl<S, T: Send + Sync + 'static> Extract<S> for Option<Principal<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let principal = call.socket().principal();
        principal.map(|principal| principal.expect()).transpose()
    }
}

/// Fails with `unauthorized` if the session acts on nobody's behalf.
impl<S> Extract<S> for Principal {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let principal = call.socket().principal();
        principal.ok_or_else(|| Failure::unauthorized("this needs a principal"))
    }
}

/// Fails with `unauthorized` if the session acts on nobody's behalf, and as internal if the
/// principal's value is of another type.
impl<S, T: Send + Sync + 'static> Extract<S> for Principal<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        <Principal as Extract<S>>::extract(call)?.expect()
    }
}
