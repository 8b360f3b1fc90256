//! The server's side of the chat: who is in the room, and what was said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use trunkline::server::{Data, Failure, Namespace, Socket, SocketState, State};

use crate::words::{Join, Joined, LOBBY, Member, Receipt, Said, Say, Who};

/// The program's state.
#[derive(Default)]
pub(crate) struct Lobby(Mutex<Inner>);

struct Inner {
    members: BTreeMap<String, Member>,
    lines: VecDeque<Said>,
    newest: u64,
}

impl Default for Inner {
    /// Ids begin with the time, so that those who come from a server before this one, with the newest
    /// line that they saw there, are told what was said here.
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let newest = now.map_or(0, |since| since.as_millis().try_into().unwrap_or(0));
        Self {
            members: BTreeMap::new(),
            lines: VecDeque::new(),
            newest,
        }
    }
}

/// A socket's state: the name it has in the room.
struct Name(String);

pub(crate) fn register(chat: &Namespace) {
    chat.on("join", join);
    chat.on("say", say);
    chat.on(
        "typing",
        |socket: Socket, SocketState(me): SocketState<Name>| async move {
            // Of no use later: whoever cannot be told now is not told.
            let room = socket.to(LOBBY).volatile();
            room.emit("typing", &Who { name: me.0.clone() })?;
            Ok::<_, Failure>(())
        },
    );
    // A client may be cut off, or leave, before it has joined: then it has no name, and nobody
    // knows it.
    chat.on_detach(
        |socket: Socket, State(lobby): State<Lobby>, me: Option<SocketState<Name>>| async move {
            if let Some(me) = me {
                show_away(&socket, &lobby, &me, true);
            }
        },
    );
    chat.on_resume(
        |socket: Socket, State(lobby): State<Lobby>, me: Option<SocketState<Name>>| async move {
            if let Some(me) = me {
                show_away(&socket, &lobby, &me, false);
            }
        },
    );
    chat.on_disconnect(
        |socket: Socket, State(lobby): State<Lobby>, me: Option<SocketState<Name>>| async move {
            let Some(SocketState(me)) = me else { return };
            lobby.lock().members.remove(&me.0);
            let _ = socket.to(LOBBY).emit("left", &Who { name: me.0.clone() });
        },
    );
}

async fn join(
    socket: Socket,
    State(lobby): State<Lobby>,
    me: Option<SocketState<Name>>,
    Data(Join { name, after }): Data<Join>,
) -> Result<Joined, Failure> {
    if let Some(SocketState(me)) = me {
        return Err(Failure::new(4003, format!("you are here as {}", me.0)));
    }
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(Failure::new(
            4000,
            format!("a name is 1 to {NAME_MAX} characters long"),
        ));
    }
    // Under one lock with what `say` does: else a line could be said after this one was told what it
    // missed, and before it is in the room.
    let mut lobby = lobby.lock();
    if lobby.members.contains_key(&name) {
        return Err(Failure::new(4001, format!("{name} is here already")));
    }
    for said in lobby.lines.iter().filter(|said| said.id > after) {
        socket.emit("said", said)?;
    }
    socket.join(LOBBY)?;
    let member = Member {
        name: name.clone(),
        away: false,
    };
    lobby.members.insert(name.clone(), member);
    socket.set(Name(name.clone()));
    socket.to(LOBBY).emit("joined", &Who { name })?;
    Ok(Joined {
        members: lobby.members.values().cloned().collect(),
    })
}

async fn say(
    socket: Socket,
    State(lobby): State<Lobby>,
    SocketState(me): SocketState<Name>,
    Data(Say { text }): Data<Say>,
) -> Result<Receipt, Failure> {
    if text.chars().count() > TEXT_MAX {
        return Err(Failure::new(
            4002,
            format!("a line has at most {TEXT_MAX} characters"),
        ));
    }
    // Said under the lock, so that everybody hears the lines in the order of their ids.
    let mut lobby = lobby.lock();
    let said = lobby.add(&me.0, text);
    socket.to(LOBBY).emit("said", &said)?;
    Ok(Receipt { id: said.id })
}

fn show_away(socket: &Socket, lobby: &Lobby, me: &Name, away: bool) {
    let member = {
        let mut lobby = lobby.lock();
        let Some(member) = lobby.members.get_mut(&me.0) else {
            return;
        };
        // A session is resumed without having been away when a server that is leaving has asked its
        // client for another connection.
        if member.away == away {
            return;
        }
        member.away = away;
        member.clone()
    };
    // The room's members are told as well as can be.
    let _ = socket.to(LOBBY).emit("away", &member);
}

impl Lobby {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, from: &str, text: String) -> Said {
        self.newest += 1;
        let said = Said {
            id: self.newest,
            from: from.to_owned(),
            text,
        };
        self.lines.push_back(said.clone());
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        said
    }
}

/// Characters of a name.
const NAME_MAX: usize = 32;

/// Characters of a line.
const TEXT_MAX: usize = 2000;

/// Lines kept for those who come later.
const LINES_MAX: usize = 100;
