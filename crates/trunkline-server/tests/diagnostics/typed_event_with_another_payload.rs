use trunkline_server::{Event, Socket};

const SAY: Event<String, u64> = Event::new("say");

fn send(socket: &Socket) {
    let _ = socket.emit(SAY, &7);
}

fn main() {}
