use std::rc::Rc;

use trunkline_server::{Namespace, Socket};

fn routes(chat: &Namespace) {
    chat.on("count", |_: Socket| async move {
        let count = Rc::new(1);
        std::future::ready(()).await;
        drop(count);
    });
}

fn main() {}
