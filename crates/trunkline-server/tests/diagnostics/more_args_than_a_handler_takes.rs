use trunkline_server::{Namespace, Socket};

async fn crowded(
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
    _: Socket,
) {
}

fn routes(chat: &Namespace) {
    chat.on("crowd", crowded);
}

fn main() {}
