use trunkline_server::{Data, Namespace};

struct Line;

fn routes(chat: &Namespace) {
    chat.on("say", |Data(_line): Data<Line>| async {});
}

fn main() {}
