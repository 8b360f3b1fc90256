use trunkline_server::Event;

const NAMELESS: Event<String> = Event::new("");

fn main() {
    println!("{}", NAMELESS.name());
}
