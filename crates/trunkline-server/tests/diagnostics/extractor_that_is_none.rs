use trunkline_server::Namespace;

struct Line;

fn routes(chat: &Namespace) {
    chat.on("say", |_line: Line| async {});
}

fn main() {}
