//! Rooms: which sockets are in them, for many readers and few writers.

use std::borrow::Borrow;
use std::hash::Hash;

use dashmap::DashMap;
use indexmap::IndexSet;
use trunkline_driver::sync::{Arc, Mutex};
use trunkline_protocol::Room;

use crate::Socket;

/// The rooms of a namespace, by name; or other groups of its sockets, by what they have in common.
///
/// ```text
///   none ──join──> open ──the last one leaves──> closed, and out of the map
/// ```
///
/// No guard of the map outlives its lookup: rooms are cloned out of it.
pub(crate) struct Rooms<K = Room>(DashMap<K, Arc<Membership<K>>>);

impl<K: Clone + Eq + Hash + Borrow<str>> Rooms<K> {
    /// No rooms yet.
    pub(crate) fn new() -> Self {
        Self(DashMap::new())
    }

    /// No rooms yet, in a map of `shards` parts.
    pub(crate) fn with_shards(shards: usize) -> Self {
        Self(DashMap::with_shard_amount(shards))
    }

    /// The room of this name, if anybody is in it.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Membership<K>>> {
        self.0.get(name).map(|room| Arc::clone(&room))
    }

    /// The names of all rooms that anybody is in.
    pub(crate) fn names(&self) -> Vec<K> {
        self.0.iter().map(|entry| entry.key().clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a socket into a room, which is made if it is not there. None if it is in it already.
    pub(crate) fn join(&self, name: K, socket: &Socket) -> Option<Arc<Membership<K>>> {
        // Ends: each round that finds a closed room takes it out of the map.
        loop {
            let entry = self.0.entry(name.clone());
            let room =
                Arc::clone(&entry.or_insert_with(|| Arc::new(Membership::new(name.clone()))));
            match room.add(socket) {
                Added::Yes => return Some(room),
                Added::IsThere => return None,
                Added::Closed => self.remove(&room),
            }
        }
    }

    /// Takes a socket out of a room, and the room out of the map if nobody is left.
    pub(crate) fn leave(&self, room: &Arc<Membership<K>>, socket: &Socket) {
        if room.remove_and_close(socket) {
            self.remove(room);
        }
    }

    fn remove(&self, room: &Arc<Membership<K>>) {
        let Some(name) = &room.name else { return };
        // By identity: a new room of the same name may be there already.
        self.0
            .remove_if(name.borrow(), |_, present| Arc::ptr_eq(present, room));
    }
}

/// The sockets of a room, or of a whole namespace.
///
/// A whole namespace has no name here, and never closes.
pub(crate) struct Membership<K = Room> {
    name: Option<K>,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    sockets: IndexSet<Socket>,
    /// The same as a list that emitting reads without the lock; rebuilt when it is next needed.
    snapshot: Option<Arc<[Socket]>>,
    /// Its last member has left, and it is on its way out of the map.
    closed: bool,
}

enum Added {
    Yes,
    IsThere,
    Closed,
}

impl Membership {
    /// Of a whole namespace.
    pub(crate) fn unnamed() -> Self {
        Self {
            name: None,
            members: Mutex::default(),
        }
    }
}

impl<K> Membership<K> {
    fn new(name: K) -> Self {
        Self {
            name: Some(name),
            members: Mutex::default(),
        }
    }

    pub(crate) const fn name(&self) -> Option<&K> {
        self.name.as_ref()
    }

    /// Who is in it at the moment.
    pub(crate) fn snapshot(&self) -> Arc<[Socket]> {
        let members = &mut *self.members.lock();
        let rebuilt = || members.sockets.iter().cloned().collect();
        Arc::clone(members.snapshot.get_or_insert_with(rebuilt))
    }

    pub(crate) fn len(&self) -> usize {
        self.members.lock().sockets.len()
    }

    pub(crate) fn insert(&self, socket: &Socket) {
        let _ = self.add(socket);
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        let members = &mut *self.members.lock();
        if members.sockets.swap_remove(socket) {
            members.snapshot = None;
            members.let_go();
        }
    }

    fn add(&self, socket: &Socket) -> Added {
        let mut members = self.members.lock();
        if members.closed {
            return Added::Closed;
        }
        if !members.sockets.insert(socket.clone()) {
            return Added::IsThere;
        }
        members.snapshot = None;
        Added::Yes
    }

    /// True if nobody is left: then it is closed for good.
    fn remove_and_close(&self, socket: &Socket) -> bool {
        let members = &mut *self.members.lock();
        if members.sockets.swap_remove(socket) {
            members.snapshot = None;
            members.let_go();
        }
        members.closed |= members.sockets.is_empty();
        members.closed
    }
}

impl Members {
    /// Gives memory back after a crowd has left.
    fn let_go(&mut self) {
        let len = self.sockets.len();
        if self.sockets.capacity() > KEPT_CAPACITY && len < self.sockets.capacity() / 8 {
            self.sockets.shrink_to(2 * len);
        }
    }
}

/// Members of capacity that a room keeps whatever its size.
const KEPT_CAPACITY: usize = 64;
