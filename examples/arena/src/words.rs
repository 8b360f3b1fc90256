//! What the server and its players say to each other: an event per word, a struct per payload.
//!
//! Time is the arena's: milliseconds since the server began. Whoever stamps something knows that time by
//! [`CLOCK`]. Distances are in units of the field, angles in radians.

use serde::{Deserialize, Serialize};
use trunkline::protocol::Event;

/// The room of all who play or watch.
pub const ARENA: &str = "arena";

/// The key under which a player emits its own newest move.
pub const OWN_SHIP: &str = "ship";

/// From a page that shows the arena, before anybody has a name there. [`SCENE`] comes ahead of the ack.
pub const WATCH: Event<()> = Event::new("watch");
/// From whoever watches and wants to play.
pub const ENTER: Event<Enter, Entered> = Event::new("enter");
/// From a player, 30 times a second, as the latest value of [`OWN_SHIP`].
pub const MOVE: Event<Move> = Event::new("move");
/// From a player, reliably; the ack says what was met.
pub const SHOOT: Event<Move, Shot> = Event::new("shoot");
/// From a player: a line of chat.
pub const SAY: Event<Say, Receipt> = Event::new("say");
/// From anybody: what time it is in the arena.
pub const CLOCK: Event<(), f64> = Event::new("clock");
/// From a page on this machine: how good its link is to be.
pub const SET_LINK: Event<LinkQuality, LinkQuality> = Event::new("set-link");

/// To whoever watches from now on: everything there is, ahead of all that happens then.
pub const SCENE: Event<Scene> = Event::new("scene");
/// To all: somebody plays from now on.
pub const ENTERED: Event<Entrant> = Event::new("entered");
/// To all: somebody does not play any more.
pub const LEFT: Event<Who> = Event::new("left");
/// To all: somebody's connection was cut, or is back.
pub const AWAY: Event<Away> = Event::new("away");
/// To all others, as the latest value of its player: where a ship is.
pub const MOVED: Event<Moved> = Event::new("moved");
/// To all others, reliably: a beam, and what it met.
pub const SHOT: Event<Shot> = Event::new("shot");
/// To one player: its ship is elsewhere.
pub const PLACED: Event<Placed> = Event::new("placed");
/// To all: a line of chat.
pub const SAID: Event<Said> = Event::new("said");
/// To all: the link of this machine's pages is as good as this from now on.
pub const LINK: Event<LinkQuality> = Event::new("link");

/// The number of a player; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlayerId(pub u32);

/// Where a ship is, whereto it looks, and how fast it flies. On the wire an array of five numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f32; 5]", into = "[f32; 5]")]
pub struct Pose {
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
    /// Whereto it looks: 0 is right, a quarter turn is down.
    pub heading: f32,
    /// Units a second to the right.
    pub vx: f32,
    /// Units a second downwards.
    pub vy: f32,
}

impl From<[f32; 5]> for Pose {
    fn from([x, y, heading, vx, vy]: [f32; 5]) -> Self {
        Self {
            x,
            y,
            heading,
            vx,
            vy,
        }
    }
}

impl From<Pose> for [f32; 5] {
    fn from(pose: Pose) -> Self {
        [pose.x, pose.y, pose.heading, pose.vx, pose.vy]
    }
}

/// [`SCENE`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scene {
    /// What holds for all ships.
    pub rules: Rules,
    /// Who plays.
    pub players: Vec<Entrant>,
    /// The last lines of the chat, the oldest first.
    pub lines: Vec<Said>,
    /// How good the link of this machine's pages is; none where the server has no relays.
    pub link: Option<LinkQuality>,
}

/// What holds for all ships. The server holds them to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The field's width.
    pub width: f32,
    /// The field's height.
    pub height: f32,
    /// What stands in it.
    pub pylons: Vec<Pylon>,
    /// The radius of a ship.
    pub ship_radius: f32,
    /// Units a second.
    pub speed_max: f32,
    /// Units a second, gained in a second at full thrust.
    pub acceleration: f32,
    /// What part of its speed a ship loses in a second, as the rate of a decay.
    pub drag: f32,
    /// How far a beam goes.
    pub beam_length: f32,
    /// Milliseconds between two shots.
    pub shot_interval_ms: u32,
    /// What a ship begins with.
    pub health: u8,
    /// Characters of a name.
    pub name_max: usize,
    /// Characters of a line of chat.
    pub line_max: usize,
}

/// Something round that neither ships nor beams pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pylon {
    /// Its centre, from the left.
    pub x: f32,
    /// Its centre, from the top.
    pub y: f32,
    /// Its radius.
    pub radius: f32,
}

/// [`ENTER`]: a name to play under.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enter {
    /// What others see.
    pub name: String,
    /// Whether it is a program that plays. It is shown, and changes nothing.
    #[serde(default)]
    pub bot: bool,
}

/// The answer to [`ENTER`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entered {
    /// Who one is.
    pub player: PlayerId,
    /// Where one's ship begins.
    pub placed: Placed,
}

/// Somebody who plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entrant {
    /// Who it is.
    pub player: PlayerId,
    /// Its name.
    pub name: String,
    /// Whether it says that it is a program.
    pub bot: bool,
    /// How many ships it destroyed.
    pub score: u32,
    /// What is left of its ship.
    pub health: u8,
    /// Whether its connection is cut.
    pub away: bool,
}

/// A player, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Its number.
    pub player: PlayerId,
}

/// [`AWAY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Away {
    /// Who.
    pub player: PlayerId,
    /// Whether it is cut off now.
    pub away: bool,
}

/// [`MOVE`] and [`SHOOT`]: where a player says that its ship is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    /// The life that it belongs to, as [`Placed`] says: what was sent before a ship was put elsewhere means
    /// nothing after it, in whatever order the two arrive.
    pub life: u32,
    /// When it was so, in the arena's time as the player knows it.
    pub at: f64,
    /// Where.
    pub pose: Pose,
}

/// [`MOVED`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Whose ship.
    pub player: PlayerId,
    /// The player's own stamp: the age of a position is counted from it.
    pub at: f64,
    /// Where the server lets it be.
    pub pose: Pose,
}

/// [`PLACED`]: a ship is put somewhere, when it begins and where the player broke the rules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// The life that begins with it.
    pub life: u32,
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
    /// From when on it flies.
    pub from: f64,
}

/// [`SHOT`], and the answer to [`SHOOT`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Who fired.
    pub player: PlayerId,
    /// Where the beam begins, and whereto it goes.
    pub pose: Pose,
    /// How far it goes.
    pub length: f32,
    /// Whom it met.
    pub hit: Option<Hit>,
    /// How many ships that player destroyed so far.
    pub score: u32,
}

/// A ship that was met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Whose.
    pub player: PlayerId,
    /// What is left of it.
    pub health: u8,
    /// If nothing is: from when on another one flies in its place.
    pub back_at: Option<f64>,
}

/// [`SAY`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Say {
    /// What is said.
    pub text: String,
}

/// The answer to [`SAY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The line's place among all lines.
    pub id: u64,
}

/// [`SAID`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The line's place among all lines.
    pub id: u64,
    /// Who said it.
    pub player: PlayerId,
    /// By what name.
    pub name: String,
    /// What was said.
    pub text: String,
}

/// [`SET_LINK`] and [`LINK`], not checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkQuality {
    /// How many of 100 packets are lost, each way.
    pub loss_percent: f64,
    /// How long a packet travels, each way.
    pub delay_ms: f64,
}
