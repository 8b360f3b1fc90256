use trunkline_server::Namespace;

fn routes(chat: &Namespace) {
    chat.on("count", || async { 7 });
}

fn main() {}
