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
        Ok(call.socket().principal().cloned())
    }
}

/// Fails with `unauthorized` if the session acts on nobody's behalf.
impl<S> Extract<S> for Principal {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let principal = call.socket().principal().cloned();
        principal.ok_or_else(|| Failure::unauthorized("this needs a principal"))
    }
}
