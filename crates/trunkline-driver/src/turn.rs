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
    /// The session whose connection's task runs here: it is written by that task.
    own: Option<*const Session>,
    sessions: Vec<Arc<Session>>,
}

/// What becomes of a session that was pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No turn is under way: write it now.
    NoTurn,
    /// It is on the list of the turn.
    Listed,
    /// Its task is under way on this thread and writes it.
    Own,
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

    /// The turn of a connection's task, which writes `own` itself when the turn is over.
    pub(crate) fn of(own: &Arc<Session>) -> Self {
        MARKS.with_borrow_mut(|marks| marks.own = Some(Arc::as_ptr(own)));
        Self::enter()
    }

    /// Remembers a session to write at the end of the turn.
    pub(crate) fn mark(session: &Arc<Session>) -> Mark {
        MARKS.with_borrow_mut(|marks| {
            if marks.depth == 0 {
                return Mark::NoTurn;
            }
            if marks.own == Some(Arc::as_ptr(session)) {
                return Mark::Own;
            }
            marks.sessions.push(Arc::clone(session));
            Mark::Listed
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let ended = MARKS.with_borrow_mut(|marks| {
            marks.depth -= 1;
            if marks.depth > 0 {
                return None;
            }
            marks.own = None;
            (!marks.sessions.is_empty()).then(|| std::mem::take(&mut marks.sessions))
        });
        let Some(mut sessions) = ended else { return };
        if sessions.len() > INLINE_MAX
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(flush_later(Unwritten(sessions.into_iter())));
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

/// Sessions of a fan-out that are still to be written. Those left when it is dropped, with a runtime
/// that ends, are written then: a session that stayed marked would never be written by a push again.
struct Unwritten(std::vec::IntoIter<Arc<Session>>);

impl Unwritten {
    /// Writes some; false if none is left.
    fn write(&mut self, most: usize) -> bool {
        for session in self.0.by_ref().take(most) {
            session.flush_marked();
        }
        !self.0.as_slice().is_empty()
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        self.write(usize::MAX);
    }
}

/// Writes a fan-out's sessions once the tasks that are ready now have had their turn: what they push
/// to the same sessions leaves with the same writes.
async fn flush_later(mut unwritten: Unwritten) {
    loop {
        tokio::task::yield_now().await;
        if !unwritten.write(FLUSHES_MAX) {
            return;
        }
    }
}

/// Sessions written at the end of a turn itself; more are a fan-out.
const INLINE_MAX: usize = 16;

/// Sessions written in a row before others have their turn.
const FLUSHES_MAX: usize = 512;

/// Marks of capacity that a thread keeps between turns.
const KEPT_MARKS: usize = 4 * INLINE_MAX;
