//! Turns: many pushes, one write per connection.

use std::cell::RefCell;

use tokio::runtime::Handle;

use crate::Session;
use crate::sync::Arc;

/// While a turn lasts on this thread, pushes only queue; when the outermost one ends, each session
/// that was pushed to is written once. A few are written right then; a fan-out to more is written by
/// a task of its own, right after those tasks that are ready now.
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
        if sessions.len() > INLINE_MAX
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(flush_later(sessions));
            return;
        }
        for session in sessions.drain(..) {
            session.flush_marked();
        }
        MARKS.with_borrow_mut(|marks| {
            // The list's memory serves the next turn, unless code that ran above has begun another.
            if marks.sessions.capacity() == 0 && sessions.capacity() <= KEPT_MARKS {
                marks.sessions = sessions;
            }
        });
    }
}

/// Writes a fan-out's sessions once the tasks that are ready now have had their turn: what they push
/// to the same sessions leaves with the same writes.
async fn flush_later(sessions: Vec<Arc<Session>>) {
    for some in sessions.chunks(FLUSHES_MAX) {
        tokio::task::yield_now().await;
        for session in some {
            session.flush_marked();
        }
    }
}

/// Sessions written at the end of a turn itself; more are a fan-out.
const INLINE_MAX: usize = 16;

/// Sessions written in a row before others have their turn.
const FLUSHES_MAX: usize = 512;

/// Marks of capacity that a thread keeps between turns.
const KEPT_MARKS: usize = 4 * INLINE_MAX;
