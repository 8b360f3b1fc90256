use trunkline_server::{Ack, Data, Event, Namespace};

const SAY: Event<String, u64> = Event::new("say");

fn routes(chat: &Namespace) {
    chat.on(SAY, |Data(line): Data<String>| async { Ack(line) });
}

fn main() {}
