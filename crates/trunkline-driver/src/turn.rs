//! Turns: many pushes, one write per connection.

use std::cell::RefCell;

use crate::Session;
use crate::sync::Arc;

/// While a turn lasts on this thread, pushes only queue; when the outermost one ends, each session
/// that was pushed to is written once.
///
/// A connection's task holds one over a batch of reads and their handlers. Writing is what costs:
/// sixteen frames in one write cost about a fifteenth each. Outside a turn, a push writes at once.
#[derive(Debug)]
pub struct Turn {
    /// Turns belong to their thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

#[derive(Default)]
struct Marks {
    depth: usize,
    sessions: Vec<Arc<Session>>,
}

thread_local! {
    static MARKS: RefCell<Marks> = RefCell::default();
}

impl Turn {
    /// Begins a turn on this thread, or joins the one under way.
    #[must_use = "the turn ends when this is dropped"]
    pub fn enter() -> Self {
        MARKS.with_borrow_mut(|marks| marks.depth += 1);
        Self {
            _not_send: std::marker::PhantomData,
        }
    }

    /// Remembers a session to write at the end of the turn; false if none is under way.
    pub(crate) fn mark(session: &Arc<Session>) -> bool {
        MARKS.with_borrow_mut(|marks| {
            let under_way = marks.depth > 0;
            if under_way {
                marks.sessions.push(Arc::clone(session));
            }
            under_way
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let ended = MARKS.with_borrow_mut(|marks| {
            marks.depth -= 1;
            (marks.depth == 0).then(|| std::mem::take(&mut marks.sessions))
        });
        let Some(mut sessions) = ended else { return };
        for session in sessions.drain(..) {
            session.flush_marked();
        }
        // The list's memory serves the next turn, unless one large broadcast made it huge.
        if sessions.capacity() <= KEPT_MARKS {
            MARKS.with_borrow_mut(|marks| {
                if marks.sessions.capacity() == 0 {
                    marks.sessions = sessions;
                }
            });
        }
    }
}

/// Marks of capacity that a thread keeps between turns.
const KEPT_MARKS: usize = 64 * 1024;
