use trunkline_server::{Event, Socket};

const SAY: Event<String, u64> = Event::new("say");

async fn ask(socket: &Socket) {
    let _answer: String = socket.emit_with_ack(SAY, &String::new()).await.unwrap();
}

fn main() {}
