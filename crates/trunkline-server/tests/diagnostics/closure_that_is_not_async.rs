use trunkline_server::{Data, Namespace};

fn routes(chat: &Namespace) {
    chat.on("say", |Data(line): Data<String>| println!("{line}"));
}

fn main() {}
