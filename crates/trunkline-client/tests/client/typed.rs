//! Events as values: the server's constants are the client's.

use crate::support::*;
use futures_util::StreamExt;
use trunkline_client::{Ack, AckError, Args, Data, Event, Failure, FromEvent, Invocation, Payload};
use trunkline_protocol::AckId;

const SAY: Event<String, u64> = Event::new("say");
const SAID: Event<String> = Event::new("said");
const ADD: Event<Args<(u32, u32)>, u32> = Event::new("add");
const COUNT: Event<u32> = Event::new("count");

/// A parameter of a program's own, for events of every kind.
struct Size(usize);

impl<S> FromEvent<S> for Size {
    fn from_event(event: &Invocation) -> Result<Self, Failure> {
        Ok(Self(event.args().as_message_pack().len()))
    }
}

/// The next event at the server.
async fn arrived(peer: &mut Peer) -> (String, Payload, Option<AckId>) {
    match peer.next().await {
        Got::Event {
            event, args, ack, ..
        } => (event, args, ack),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_typed_event_is_emitted_and_says_what_its_answer_is() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        let (name, args, _) = arrived(&mut peer).await;
        assert_eq!((&*name, args.first()), ("said", Ok("hello".to_owned())));
        let (name, _, say) = arrived(&mut peer).await;
        assert_eq!(name, "say");
        peer.ack(say, &5).await;
        let (_, args, add) = arrived(&mut peer).await;
        assert_eq!(args.decode(), Ok((1, 2)));
        peer.ack(add, &3).await;
    };
    let asking = async {
        let hello = "hello".to_owned();
        socket.emit(SAID, &hello)?;
        let length = socket.emit_with_ack(SAY, &hello).await?;
        let sum = socket.emit_with_ack(ADD, Args((1, 2))).await?;
        Ok::<_, AckError>((length, sum))
    };
    let ((), answers) = tokio::join!(script, asking);
    assert_eq!(answers, Ok((5, 3)));
}

#[tokio::test(start_paused = true)]
async fn a_typed_event_is_handled_with_its_content_and_answered_with_its_answer() {
    let mut server = Server::new();
    let client = server.client();
    let root = client.socket("/");
    root.on(
        SAY,
        |Data(line): Data<String>, Size(size): Size| async move {
            assert_eq!(size, line.len() + 2);
            Ok(line.len() as u64)
        },
    );
    root.once(
        ADD,
        |Args((a, b)): Args<(u32, u32)>| async move { Ack(a + b) },
    );
    let mut counts = root.stream::<Data<u32>>(COUNT);
    let next = root.next::<Data<String>>(SAID);
    let (_socket, mut peer) = connect(&client, &mut server).await;
    peer.push(&event("say", Some(1), "four")).await;
    peer.push(&event("add", Some(2), Args((1, 2)))).await;
    peer.push(&event("count", None, &7)).await;
    peer.push(&event("said", None, "news")).await;
    for expected in [4_u64, 3] {
        let Got::Ack { args, .. } = peer.next().await else {
            panic!()
        };
        assert_eq!(args.first(), Ok(expected));
    }
    assert_eq!(StreamExt::next(&mut counts).await, Some(Data(7)));
    assert_eq!(next.await, Some(Data("news".to_owned())));
}
