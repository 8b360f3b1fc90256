//! What the application holds: where it may go, and what it shows.

use std::sync::Arc;

use crate::support::*;
use trunkline_client::{
    AckError, Acked, Builder, Client, ConnectError, Connected, Data, EmitError, EventStream,
    HeaderName, HeaderValue, Invocation, LostEvent, Proxy, SessionLost, Socket, SocketState, State,
    Stats, Subscription, Watch,
};
use trunkline_transport::DialError;

#[test]
fn handles_may_go_to_any_thread_and_stay() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn moves<T: Send + 'static>(_: T) {}
    anywhere::<Client>();
    anywhere::<Socket>();
    anywhere::<Subscription>();
    anywhere::<EventStream<Data<String>>>();
    anywhere::<Watch<State>>();
    anywhere::<Watch<SocketState>>();
    anywhere::<Connected>();
    anywhere::<SessionLost>();
    anywhere::<LostEvent>();
    anywhere::<Invocation>();
    anywhere::<Stats>();
    anywhere::<Proxy>();
    for_errors::<AckError>();
    for_errors::<ConnectError>();
    for_errors::<EmitError>();
    fn for_errors<T: std::error::Error + Clone + Send + Sync + 'static>() {}
    fn futures(client: Client, socket: Socket, builder: Builder) {
        let acked: Acked<u32> = socket.emit_with_ack("ask", ());
        moves(acked);
        moves(socket.next::<Data<u32>>("tick"));
        moves(async move {
            let _ = socket.connect().await;
            client.close().await;
        });
        moves(builder);
    }
    let _ = futures;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_can_be_shown_shows_a_secret() {
    let mut server = Server::new();
    let secret = "s3cret";
    let mut header = HeaderValue::from_static("Bearer s3cret");
    header.set_sensitive(true);
    let builder = Client::builder("https://ada:s3cret@server.example/?ticket=s3cret")
        .dialer(server.dialer.clone())
        .auth(secret)
        .header(HeaderName::from_static("authorization"), header)
        .proxy(Proxy::new("http://ada:s3cret@proxy.example:3128").unwrap());
    let mut shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    let root = client.socket("/");
    root.set_auth(secret).unwrap();
    let asked = root.emit_with_ack::<String, _>("ask", secret);
    let stream = root.stream::<Data<String>>("said");
    shown += &format!(
        "{client:?} {root:?} {asked:?} {stream:?} {:?}",
        client.stats()
    );
    drop((asked, stream));
    let (socket, mut peer) = connect(&client, &mut server).await;
    shown += &format!("{:?} {:?}", peer.request, peer.pings);
    socket.emit("sent", secret).unwrap();
    peer.next_event().await;
    let (told, lost) = tokio::sync::oneshot::channel();
    let told = Arc::new(std::sync::Mutex::new(Some(told)));
    client.on_session_lost(move |lost| {
        let told = told.lock().unwrap().take();
        let _ = told.map(|told| told.send(lost));
        async {}
    });
    let url = "https://server.example".to_owned();
    server.plan([Dial::Fail(DialError::Url {
        url,
        reason: "no".into(),
    })]);
    peer.cut();
    shown += &format!("{:?}", lost.await.unwrap());
    shown += &format!("{client:?} {socket:?} {:?}", client.state().current());
    assert!(shown.contains("server.example") && shown.contains("proxy.example"));
    assert!(!shown.contains(secret), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_process_have_nothing_to_do_with_each_other() {
    let (mut one, mut two) = (Server::new(), Server::new());
    let (first, second) = (one.client(), two.client());
    let (first_socket, mut first_peer) = connect(&first, &mut one).await;
    let (second_socket, mut second_peer) = connect(&second, &mut two).await;
    first_socket.on("tick", || async {});
    second_peer.push(&event("tick", Some(1), ())).await;
    assert!(matches!(second_peer.next().await, Got::Failed { .. }));
    first.abort();
    settle().await;
    assert_eq!(first_peer.next().await, Got::End("cut".into()));
    second_socket.emit("still", ()).unwrap();
    assert_eq!(second_peer.next_event().await.1, "still");
    assert_eq!((first.stats().connections, second.stats().dials), (1, 1));
    settle().await;
    assert!(!second.is_closed());
}
