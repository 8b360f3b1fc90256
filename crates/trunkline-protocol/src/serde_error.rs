//! What can go wrong between a Rust type and content.

use crate::BadArgs;

/// Why a Rust value cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type's own serialisation failed, or uses what MessagePack lacks.
    #[error("does not serialise: {0}")]
    Serialize(String),
    /// What it serialised to breaks the value model.
    #[error("breaks the value model: {0}")]
    ValueModel(#[from] BadArgs),
}

/// Why content does not fit a Rust type.
///
/// Holds the place and what was expected there, and nothing of the content but the keys of the maps
/// on the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {problem}")]
pub struct DecodeError {
    path: String,
    problem: String,
}

impl DecodeError {
    pub(crate) const fn new(path: String, problem: String) -> Self {
        Self { path, problem }
    }

    /// The place, such as `[0].user.name`; "." for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there, such as "expected u32".
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}
