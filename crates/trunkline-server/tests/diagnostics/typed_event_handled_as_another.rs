use trunkline_server::{Ack, Data, Event, Namespace};

const SAY: Event<String, u64> = Event::new("say");

fn routes(chat: &Namespace) {
    chat.on(SAY, |Data(_number): Data<u8>| async { Ack(7_u64) });
}

fn main() {}
