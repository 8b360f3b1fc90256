//! On whose behalf a session acts.

use std::any::{Any, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use trunkline_driver::sync::Arc;

use crate::Failure;

/// On whose behalf a session acts, as the authentication hook says: an identity, and what the program
/// knows of it.
///
/// The identity decides: a session is resumed, and its credentials are refreshed, only by the same
/// one. What is known may change with each verdict, and handlers see the newest. `Principal` alone is
/// one whose value is not looked at; `Principal<User>` is one whose value is a `User`, which it
/// dereferences to. Two are equal if their identities are.
///
/// A cheap handle. Its `Debug` shows the identity alone.
///
/// ```
/// use trunkline_server::Principal;
///
/// struct User {
///     admin: bool,
/// }
///
/// let principal = Principal::with("ada", User { admin: true });
/// let ada: Principal<User> = principal.typed().expect("it was made with a `User`");
/// assert!(ada.admin && ada.id() == "ada");
/// ```
pub struct Principal<T: ?Sized = dyn Any + Send + Sync> {
    identity: Arc<str>,
    value: Arc<T>,
}

impl Principal {
    /// The principal with this identity, such as a user's id, and nothing else known of it. It is any text:
    /// unlike a room's name it has no rules, since it comes from the program and goes over no wire.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self::with(id, ())
    }

    /// The principal with this identity, of whom this is known.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(id: &str, value: T) -> Self {
        Self {
            identity: id.into(),
            value: Arc::new(value),
        }
    }

    /// The same one with its value; none if that is of another type.
    #[must_use]
    pub fn typed<T: Send + Sync + 'static>(&self) -> Option<Principal<T>> {
        let value = Arc::clone(&self.value).downcast().ok()?;
        Some(Principal {
            identity: Arc::clone(&self.identity),
            value,
        })
    }

    /// The same one with its value.
    ///
    /// # Errors
    /// The hook gave another type: an internal failure, whose log line names the type asked for.
    pub(crate) fn expect<T: Send + Sync + 'static>(&self) -> Result<Principal<T>, Failure> {
        let typed = self.typed();
        typed.ok_or_else(|| Failure::from(OtherType(type_name::<T>())))
    }
}

impl<T: ?Sized> Principal<T> {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.identity
    }

    /// Its identity, as the key under which its sockets are found.
    pub(crate) fn key(&self) -> Arc<str> {
        Arc::clone(&self.identity)
    }
}

impl<T: ?Sized> Deref for Principal<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> Clone for Principal<T> {
    fn clone(&self) -> Self {
        Self {
            identity: Arc::clone(&self.identity),
            value: Arc::clone(&self.value),
        }
    }
}

impl<T: ?Sized, U: ?Sized> PartialEq<Principal<U>> for Principal<T> {
    fn eq(&self, other: &Principal<U>) -> bool {
        self.identity == other.identity
    }
}

impl<T: ?Sized> Eq for Principal<T> {}

impl<T: ?Sized> Hash for Principal<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl<T: ?Sized> fmt::Debug for Principal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({:?})", self.identity)
    }
}

/// A handler asks for a principal of a type that the hook did not give: a mistake in the program,
/// told to its log.
#[derive(Debug, thiserror::Error)]
#[error("the session's principal has no value of type {0}")]
struct OtherType(&'static str);

/// Who is let in, and for how long the verdict holds.
///
/// A [`Principal`], or an `Option` of one, is turned into it: then it holds without end.
#[derive(Clone, Debug)]
pub struct Admission {
    pub(crate) principal: Option<Principal>,
    pub(crate) valid_for: Option<Duration>,
}

impl Admission {
    /// Lets the client in as nobody in particular: all such clients are the same principal.
    #[must_use]
    pub const fn anyone() -> Self {
        Self {
            principal: None,
            valid_for: None,
        }
    }

    /// Lets the client in as this principal.
    #[must_use]
    pub const fn of(principal: Principal) -> Self {
        Self {
            principal: Some(principal),
            valid_for: None,
        }
    }

    /// Ends the verdict after this long, told to about a second. Default: never.
    ///
    /// The client is asked for fresh credentials [`refresh_lead`](crate::Builder::refresh_lead) ahead
    /// of the end. Without them its session ends with `credentials-expired`. Specification:
    /// session.md, "Refreshing credentials".
    #[must_use]
    pub const fn valid_for(mut self, duration: Duration) -> Self {
        self.valid_for = Some(duration);
        self
    }

    /// As [`valid_for`](Self::valid_for), until this moment: such as a token's `exp`. One that has
    /// passed refuses the client with `unauthorized`.
    #[must_use]
    pub fn valid_until(self, end: SystemTime) -> Self {
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        self.valid_for(left)
    }
}

impl From<Principal> for Admission {
    fn from(principal: Principal) -> Self {
        Self::of(principal)
    }
}

impl From<Option<Principal>> for Admission {
    fn from(principal: Option<Principal>) -> Self {
        Self {
            principal,
            valid_for: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_alone_decides_whether_two_are_the_same() {
        let ada = Principal::with("ada", 1_u8);
        assert_eq!(ada, Principal::new("ada"));
        assert_eq!(ada, ada.typed::<u8>().unwrap());
        assert_ne!(ada, Principal::with("eve", 1_u8));
    }

    #[test]
    fn a_value_is_given_as_its_own_type_only() {
        let ada = Principal::with("ada", "hers".to_owned());
        assert_eq!(*ada.typed::<String>().unwrap(), "hers");
        assert!(ada.typed::<u8>().is_none());
        let failure = ada.expect::<u8>().unwrap_err();
        assert!(failure.to_string().ends_with("type u8"), "{failure}");
    }

    #[test]
    fn what_is_known_of_a_principal_does_not_show_for_debugging() {
        let shown = format!("{:?}", Principal::with("ada", "s3cret".to_owned()));
        assert_eq!(shown, "Principal(\"ada\")");
    }

    #[test]
    fn an_end_that_has_passed_leaves_no_time() {
        let admission = Admission::anyone().valid_until(SystemTime::UNIX_EPOCH);
        assert_eq!(admission.valid_for, Some(Duration::ZERO));
    }
}
