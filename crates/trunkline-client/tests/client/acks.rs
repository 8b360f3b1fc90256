//! Events that ask the server for an ack, and every way in which that ends.

use std::time::Duration;

use crate::support::*;
use tokio::time::Instant;
use trunkline_client::{AckError, Args, Code, EmitError, Limits, Value};
use trunkline_protocol::Prepared;

#[tokio::test(start_paused = true)]
async fn an_ack_resolves_with_its_first_arg_or_with_all() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        let (_, _, first) = peer.next_event().await;
        peer.ack(first, &5).await;
        let (_, _, second) = peer.next_event().await;
        peer.ack(second, Args((1, "two"))).await;
        let (_, _, third) = peer.next_event().await;
        peer.ack(third, ()).await;
    };
    let asking = async {
        assert_eq!(socket.emit_with_ack::<u32, _>("one", ()).await, Ok(5));
        let all = socket
            .emit_with_ack::<(), _>("all", ())
            .payload()
            .await
            .unwrap();
        assert_eq!(all.decode(), Ok((1, "two".to_owned())));
        assert_eq!(socket.emit_with_ack::<(), _>("none", ()).await, Ok(()));
    };
    tokio::join!(script, asking);
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_does_not_come_times_out_and_a_late_one_is_ignored() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let start = Instant::now();
    let asked = socket.emit_with_ack::<u32, _>("ask", ());
    assert_eq!(
        asked.timeout(Duration::from_secs(3)).await,
        Err(AckError::Timeout)
    );
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!(
        socket.emit_with_ack::<u32, _>("ask", ()).await,
        Err(AckError::Timeout)
    );
    assert_eq!(start.elapsed(), Duration::from_secs(13), "10 s by default");
    let (_, _, late) = peer.next_event().await;
    peer.ack(late, &1).await;
    peer.next_event().await;
    let (third, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), async {
        let (_, _, ack) = peer.next_event().await;
        peer.ack(ack, &3).await;
    });
    assert_eq!(third, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_tells_code_message_and_data() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        let (_, _, ack) = peer.next_event().await;
        let data = Value::encode(&4).unwrap();
        let failed = Prepared::failed(
            &namespace("/"),
            ack.unwrap(),
            Code::new(4001),
            "sold out",
            &data,
        );
        peer.push(&failed).await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("buy", ()), script);
    let data = Value::encode(&4).unwrap();
    let message = "sold out".to_owned();
    assert_eq!(
        answer,
        Err(AckError::Failed {
            code: Code::new(4001),
            message,
            data
        })
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_its_type_is_told() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        let (_, _, ack) = peer.next_event().await;
        peer.ack(ack, "text").await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), script);
    assert!(matches!(answer, Err(AckError::Decode(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn leaving_either_way_settles_pending_acks() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        peer.next_event().await;
        peer.push(&Prepared::disconnect(
            &namespace("/"),
            Code::UNAUTHORIZED,
            "out",
        ))
        .await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), script);
    assert_eq!(answer, Err(AckError::Disconnected));
    let refused = socket.emit_with_ack::<u32, _>("ask", ()).await;
    assert_eq!(refused, Err(AckError::Emit(EmitError::Disconnected)));

    let (again, _) = tokio::join!(socket.connect(), peer.attach("/"));
    again.unwrap();
    let leave = async {
        settle().await;
        socket.disconnect();
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), leave);
    assert_eq!(answer, Err(AckError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn closing_settles_pending_acks() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, _peer) = connect(&client, &mut server).await;
    let close = async {
        settle().await;
        client.close().await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), close);
    assert_eq!(answer, Err(AckError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_another_namespace_or_from_nowhere_counts_for_nothing() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let script = async {
        let (_, _, ack) = peer.next_event().await;
        let ack = ack.unwrap();
        let args = trunkline_client::IntoArgs::into_args(&1).unwrap();
        peer.push(&Prepared::ack(&namespace("/elsewhere"), ack, &args))
            .await;
        peer.push(&Prepared::ack(&namespace("/"), ack_id(999), &args))
            .await;
        settle().await;
        peer.ack(Some(ack), &2).await;
        peer.ack(Some(ack), &3).await;
    };
    let (answer, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("ask", ()), script);
    assert_eq!(answer, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn pending_acks_are_bounded_and_those_given_up_make_room() {
    let mut server = Server::new();
    let limits = Limits {
        pending_acks: 1,
        ..Limits::default()
    };
    let client = server.builder().limits(limits).build().unwrap();
    let (socket, mut peer) = connect(&client, &mut server).await;
    let mut first = Box::pin(socket.emit_with_ack::<u32, _>("first", ()));
    assert!(futures_poll(first.as_mut()).await.is_none());
    let second = socket.emit_with_ack::<u32, _>("second", ()).await;
    assert_eq!(
        second,
        Err(AckError::Emit(EmitError::TooManyAcks { limit: 1 }))
    );
    drop(first);
    let script = async {
        assert_eq!(peer.next_event().await.1, "first");
        let (_, event, ack) = peer.next_event().await;
        assert_eq!(event, "third");
        peer.ack(ack, &3).await;
    };
    let (third, ()) = tokio::join!(socket.emit_with_ack::<u32, _>("third", ()), script);
    assert_eq!(third, Ok(3));
}

/// Polls once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn nothing_is_emitted_before_it_is_awaited() {
    let mut server = Server::new();
    let client = server.client();
    let (socket, mut peer) = connect(&client, &mut server).await;
    drop(socket.emit_with_ack::<u32, _>("never", ()));
    socket.emit("only", ()).unwrap();
    assert_eq!(peer.next_event().await.1, "only");
}
