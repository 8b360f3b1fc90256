//! State by its type: the program's, and a socket's.

use std::any::{Any, TypeId, type_name};
use std::ops::Deref;

use trunkline_driver::sync::Arc;

use crate::Failure;
use crate::extract::Extract;
use crate::handler::Call;

/// The program's state of type `T`, as it was given to [`Builder::state`](crate::Builder::state).
///
/// Without it the call fails as internal, and the log names the type.
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<S, T: Send + Sync + 'static> Extract<S> for State<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let state = call.socket().context().server.state();
        state
            .map(Self)
            .ok_or_else(|| Failure::from(NoState::of::<T>("the server")))
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A socket's state of type `T`, as it was given to [`Socket::set`](crate::Socket::set).
///
/// Without it the call fails as internal, and the log names the type; `Option<SocketState<T>>` does
/// not mind.
#[derive(Debug)]
pub struct SocketState<T>(pub Arc<T>);

impl<S, T: Send + Sync + 'static> Extract<S> for SocketState<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let state = call.socket().get();
        state
            .map(Self)
            .ok_or_else(|| Failure::from(NoState::of::<T>("the socket")))
    }
}

impl<S, T: Send + Sync + 'static> Extract<S> for Option<SocketState<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        Ok(call.socket().get().map(SocketState))
    }
}

impl<T> Clone for SocketState<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for SocketState<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A handler asks for state that nobody set: a mistake in the program, told to its log.
#[derive(Debug, thiserror::Error)]
#[error("{whose} has no state of type {type_name}")]
struct NoState {
    whose: &'static str,
    type_name: &'static str,
}

impl NoState {
    fn of<T>(whose: &'static str) -> Self {
        Self {
            whose,
            type_name: type_name::<T>(),
        }
    }
}

/// A few values, one of each type. Takes no memory while empty.
#[derive(Default)]
pub(crate) struct TypeMap(Vec<(TypeId, AnyValue)>);

type AnyValue = Arc<dyn Any + Send + Sync>;

impl TypeMap {
    /// Puts a value in, and gives the one of its type that was there.
    pub(crate) fn set(&mut self, value: Arc<impl Send + Sync + 'static>) -> Option<AnyValue> {
        let id = (*value).type_id();
        match self.0.iter_mut().find(|(present, _)| *present == id) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.0.push((id, value));
                None
            }
        }
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let id = TypeId::of::<T>();
        let (_, value) = self.0.iter().find(|(present, _)| *present == id)?;
        Arc::clone(value).downcast().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_map_keeps_one_value_of_each_type() {
        let mut map = TypeMap::default();
        assert!(map.set(Arc::new(1_u8)).is_none());
        assert!(map.set(Arc::new("text")).is_none());
        assert!(map.set(Arc::new(2_u8)).is_some());
        assert_eq!(map.get::<u8>().as_deref(), Some(&2));
        assert_eq!(map.get::<&str>().as_deref(), Some(&"text"));
        assert_eq!(map.get::<u16>(), None);
    }
}
