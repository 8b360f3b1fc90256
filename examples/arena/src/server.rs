//! The handlers: what players say, judged by the rules, and told to the others.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use trunkline::server::{
    Ack, Data, EmitError, Failure, Namespace, PeerAddress, Socket, SocketState, State,
};

use crate::link::{Link, Quality, Relays};
use crate::words::{
    ARENA, AWAY, Away, CLOCK, ENTER, ENTERED, Enter, Entered, LEFT, LINK, LinkQuality, MOVE, MOVED,
    Move, Moved, PLACED, Placed, PlayerId, Pose, Receipt, SAID, SAY, SCENE, SET_LINK, SHOOT, SHOT,
    Said, Say, Scene, Shot, WATCH, Who,
};
use crate::world::{Allowance, Flown, Name, World, line, millis};

/// The program's state; all clones are the same arena.
#[derive(Clone)]
pub(crate) struct Arena(Arc<Shared>);

struct Shared {
    started: Instant,
    inner: Mutex<Inner>,
    /// Known once the server has its port.
    link: OnceLock<(Link, Mutex<Knob>)>,
}

/// What the link of this machine's pages is set to, and how often that may still change: everybody is
/// told of each change.
struct Knob {
    quality: Quality,
    turns: Allowance,
}

struct Inner {
    world: World,
    lines: VecDeque<Said>,
    newest_line: u64,
}

impl Arena {
    /// An arena without anybody. Its time begins now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            started: Instant::now(),
            inner: Mutex::new(Inner {
                world: World::new(),
                lines: VecDeque::new(),
                newest_line: 0,
            }),
            link: OnceLock::new(),
        }))
    }

    /// Gives this machine's pages their link, once.
    pub(crate) fn link(&self, link: Link, quality: Quality) {
        // A second one would have no pages: they ask for it when they are loaded.
        let _ = self
            .0
            .link
            .set((link, Mutex::new(Knob::new(quality, self.now()))));
    }

    /// Where this machine's pages find the relays.
    pub(crate) fn relays(&self) -> Option<Relays> {
        self.0.link.get().map(|(link, _)| link.relays())
    }

    /// How good their link is.
    fn quality(&self) -> Option<LinkQuality> {
        let (_, knob) = self.0.link.get()?;
        Some(locked(knob).quality.into())
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        locked(&self.0.inner)
    }
}

/// Who a socket plays as.
///
/// # Errors
/// It does not play.
fn playing(me: Option<SocketState<PlayerId>>) -> Result<PlayerId, Failure> {
    let me = me.ok_or_else(|| Failure::new(4006, "enter first"))?;
    Ok(*me.0)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers what clients may say, and what happens when they go.
pub(crate) fn register(arena: &Namespace) {
    arena.on(WATCH, watch);
    arena.on(ENTER, enter);
    arena.on(MOVE, fly);
    arena.on(SHOOT, shoot);
    arena.on(SAY, say);
    arena.on(SET_LINK, set_link);
    arena.on(CLOCK, |State(arena): State<Arena>| async move {
        Ack(millis(arena.now()))
    });
    // Whoever only watches, or has not come so far, has no number: nobody knows it.
    arena.on_detach(
        |socket: Socket, arena: State<Arena>, me: Option<SocketState<PlayerId>>| async move {
            tell_away(&socket, &arena, me, true);
        },
    );
    arena.on_resume(
        |socket: Socket, arena: State<Arena>, me: Option<SocketState<PlayerId>>| async move {
            tell_away(&socket, &arena, me, false);
        },
    );
    arena.on_disconnect(
        |socket: Socket, State(arena): State<Arena>, me: Option<SocketState<PlayerId>>| async move {
            let Some(SocketState(me)) = me else { return };
            let mut inner = arena.lock();
            inner.world.leave(*me);
            let _ = socket.to(ARENA).emit(LEFT, &Who { player: *me });
        },
    );
}

async fn watch(socket: Socket, State(arena): State<Arena>) -> Result<(), Failure> {
    // Under one lock with what is told to the room: what happens after this was put together comes
    // behind it, and all of it.
    let inner = arena.lock();
    if !socket.join(ARENA)? {
        return Err(Failure::new(4004, "you watch already"));
    }
    let scene = Scene {
        rules: inner.world.rules(),
        players: inner.world.entrants(),
        lines: inner.lines.iter().cloned().collect(),
        link: arena.quality(),
    };
    socket.emit(SCENE, &scene)?;
    Ok(())
}

async fn enter(
    socket: Socket,
    State(arena): State<Arena>,
    me: Option<SocketState<PlayerId>>,
    PeerAddress(peer): PeerAddress,
    Data(Enter { name, bot }): Data<Enter>,
) -> Result<Entered, Failure> {
    if me.is_some() {
        return Err(Failure::new(4004, "you play already"));
    }
    let name =
        Name::parse(&name).map_err(|error| Failure::new(4000, format!("the name: {error}")))?;
    let mut inner = arena.lock();
    let entered = inner.world.enter(name, bot, home_of(peer), arena.now());
    let (player, placed) = entered.map_err(|error| Failure::new(4001, error.to_string()))?;
    socket.set(player);
    socket.join(&room_of(player))?;
    // Who has watched is in it already.
    socket.join(ARENA)?;
    if let Some(entrant) = inner.world.entrant(player) {
        socket.to(ARENA).emit(ENTERED, &entrant)?;
    }
    Ok(Entered { player, placed })
}

async fn fly(
    socket: Socket,
    State(arena): State<Arena>,
    me: Option<SocketState<PlayerId>>,
    Data(wanted): Data<Move>,
) -> Result<(), Failure> {
    let me = playing(me)?;
    let flown = arena.lock().world.fly(me, &wanted, arena.now());
    match flown {
        Flown::There(pose) => tell_moved(&socket, me, &wanted, pose)?,
        Flown::Elsewhere(placed) => socket.emit(PLACED, &placed)?,
        Flown::Ignored => {}
    }
    Ok(())
}

/// What a socket knows of a position is its newest: an older one that comes late is of no use to it.
fn tell_moved(
    socket: &Socket,
    player: PlayerId,
    wanted: &Move,
    pose: Pose,
) -> Result<(), EmitError> {
    let key = player.0.to_string();
    let moved = Moved {
        player,
        at: wanted.at,
        pose,
    };
    socket.to(ARENA).latest(&key).emit(MOVED, &moved)
}

async fn shoot(
    socket: Socket,
    State(arena): State<Arena>,
    me: Option<SocketState<PlayerId>>,
    Data(trigger): Data<Move>,
) -> Result<Shot, Failure> {
    let me = playing(me)?;
    // Under the lock, so that everybody sees the shots in the order in which they met something.
    let mut inner = arena.lock();
    let fired = inner.world.shoot(me, &trigger, arena.now());
    let fired = fired.map_err(|error| Failure::new(4002, error.to_string()))?;
    socket.to(ARENA).emit(SHOT, &fired.shot)?;
    for (player, placed) in &fired.placed {
        tell_placed(&socket, *player, me, placed);
    }
    Ok(fired.shot)
}

/// A ship is somewhere else: its player, and nobody else, is told where. Each socket that plays is in a room
/// of its own for it.
fn tell_placed(socket: &Socket, player: PlayerId, me: PlayerId, placed: &Placed) {
    let told = if player == me {
        socket.emit(PLACED, placed)
    } else {
        socket.to(&room_of(player)).emit(PLACED, placed)
    };
    // Whoever cannot be told is over.
    let _ = told;
}

fn room_of(player: PlayerId) -> String {
    format!("player {}", player.0)
}

async fn say(
    socket: Socket,
    State(arena): State<Arena>,
    me: Option<SocketState<PlayerId>>,
    Data(Say { text }): Data<Say>,
) -> Result<Receipt, Failure> {
    let me = playing(me)?;
    let text = line(&text).map_err(|error| Failure::new(4003, format!("the line: {error}")))?;
    // Said under the lock, so that everybody hears the lines in the order of their ids.
    let mut inner = arena.lock();
    if !inner.world.may_say(me, arena.now()) {
        return Err(Failure::new(4003, "not so fast"));
    }
    let said = inner.add(me, text);
    socket.to(ARENA).emit(SAID, &said)?;
    Ok(Receipt { id: said.id })
}

async fn set_link(
    socket: Socket,
    State(arena): State<Arena>,
    PeerAddress(peer): PeerAddress,
    Data(wanted): Data<LinkQuality>,
) -> Result<LinkQuality, Failure> {
    let quality =
        Quality::try_from(wanted).map_err(|error| Failure::new(4005, error.to_string()))?;
    // It is theirs alone who go through the relays.
    let is_near = peer.is_some_and(|peer| peer.ip().is_loopback());
    let link = arena.0.link.get().filter(|_| is_near);
    let (link, knob) = link.ok_or_else(|| Failure::new(4005, "your link is as it is"))?;
    let mut knob = locked(knob);
    knob.turn(quality, arena.now())?;
    link.set(quality);
    socket.within(ARENA).emit(LINK, &wanted)?;
    Ok(wanted)
}

/// Where somebody plays from: an address, of IPv6 the network, since a household has all of one. None for
/// this machine: its bots and pages are many.
fn home_of(peer: Option<SocketAddr>) -> Option<IpAddr> {
    match peer?.ip().to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(ip.into()),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Some(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
        }
    }
}

impl Knob {
    const fn new(quality: Quality, now: Duration) -> Self {
        Self {
            quality,
            turns: Allowance::new(TURNS_PER_SECOND, TURNS_AT_ONCE, now),
        }
    }

    /// # Errors
    /// It was turned too often.
    fn turn(&mut self, quality: Quality, now: Duration) -> Result<(), Failure> {
        if !self.turns.take(1.0, now) {
            return Err(Failure::new(4005, "not so fast"));
        }
        self.quality = quality;
        Ok(())
    }
}

fn tell_away(socket: &Socket, arena: &Arena, me: Option<SocketState<PlayerId>>, away: bool) {
    let Some(SocketState(me)) = me else { return };
    let mut inner = arena.lock();
    if inner.world.set_away(*me, away) {
        let _ = socket.to(ARENA).emit(AWAY, &Away { player: *me, away });
    }
}

impl Inner {
    fn add(&mut self, player: PlayerId, text: String) -> Said {
        self.newest_line += 1;
        let said = Said {
            id: self.newest_line,
            player,
            name: self.world.name(player).unwrap_or_default(),
            text,
        };
        self.lines.push_back(said.clone());
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
        said
    }
}

/// Lines kept for those who come later.
const LINES_MAX: usize = 40;

/// Changes of the link, by all pages together: a page asks for ten a second while a slider is moved.
const TURNS_PER_SECOND: f32 = 20.0;
const TURNS_AT_ONCE: f32 = 40.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knob_bears_a_burst_of_turns_and_then_a_few_a_second() {
        let start = Duration::from_secs(1);
        let mut knob = Knob::new(Quality::default(), start);
        for _ in 0..40 {
            knob.turn(Quality::default(), start).unwrap();
        }
        let slow = Quality::try_from(LinkQuality {
            loss_percent: 0.0,
            delay_ms: 100.0,
        });
        let slow = slow.unwrap();
        let refused = knob.turn(slow, start).unwrap_err();
        assert_eq!(refused.code().number(), 4005);
        assert_eq!(knob.quality, Quality::default());
        knob.turn(slow, start + Duration::from_millis(60)).unwrap();
        assert_eq!(knob.quality, slow);
    }

    #[test]
    fn a_home_is_an_address_or_a_network_and_never_this_machine() {
        let home = |peer: &str| home_of(Some(peer.parse().unwrap())).map(|home| home.to_string());
        assert_eq!(home("192.0.2.7:4000").as_deref(), Some("192.0.2.7"));
        assert_eq!(
            home("[::ffff:192.0.2.7]:4000").as_deref(),
            Some("192.0.2.7")
        );
        assert_eq!(
            home("[2001:db8:1:2:3:4:5:6]:1").as_deref(),
            Some("2001:db8:1:2::")
        );
        for near in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(home(near), None, "{near}");
        }
    }
}
