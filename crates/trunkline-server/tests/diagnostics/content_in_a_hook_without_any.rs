use trunkline_server::{Data, Namespace};

fn routes(chat: &Namespace) {
    chat.on_detach(|Data(_line): Data<String>| async {});
}

fn main() {}
