//! What the peer sent.

use serde::de::DeserializeOwned;
use trunkline_protocol::{Args, Payload};

use crate::Failure;
use crate::extract::{Data, Extract};
use crate::handler::Call;
use crate::handler::stage::{HasArgs, HasContent};

impl<S: HasArgs + HasContent<T>, T: DeserializeOwned> Extract<S> for Data<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        call.args()
            .first()
            .map(Self)
            .map_err(|error| Failure::misfit(&error))
    }
}

impl<S: HasArgs + HasContent<Option<T>>, T: DeserializeOwned> Extract<S> for Option<Data<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let Data(optional): Data<Option<T>> = <Data<_> as Extract<S>>::extract(call)?;
        Ok(optional.map(Data))
    }
}

impl<S: HasArgs + HasContent<Self>, T: DeserializeOwned> Extract<S> for Args<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        call.args()
            .decode()
            .map(Self)
            .map_err(|error| Failure::misfit(&error))
    }
}

impl<S: HasArgs> Extract<S> for Payload {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(call.args().clone())
    }
}
