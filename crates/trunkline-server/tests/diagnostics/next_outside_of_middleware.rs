use trunkline_server::{Namespace, Next};

fn routes(chat: &Namespace) {
    chat.on("say", |next: Next| async { next.run().await });
}

fn main() {}
